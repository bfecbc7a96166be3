# One image for every process of ours; which one a container is, its command says.

FROM python:3.11-slim-bookworm AS tools
WORKDIR /build
RUN python -m venv /opt/tools
COPY requirements.lock .
RUN /opt/tools/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM tools AS build
COPY pyproject.toml README.md ./
COPY proto proto
COPY tools tools
# The product's share of the lock only: no JVM, no compiler, no test tool in the image.
RUN python -m venv /opt/carillon \
 && /opt/tools/bin/python -m tools.runtime_lock > runtime.lock \
 && /opt/carillon/bin/pip install --no-cache-dir --no-deps --require-hashes -r runtime.lock
RUN PATH=/opt/tools/bin:$PATH python -m tools.protogen

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home carillon \
 && install -d -o carillon -g carillon /var/lib/carillon/delivery /var/lib/carillon/sandbox /etc/carillon
COPY --from=build /opt/carillon /opt/carillon
WORKDIR /app
COPY pyproject.toml ./
COPY services services
COPY gateway gateway
COPY sandbox sandbox
COPY tools tools
COPY --from=build /build/proto/gen proto/gen
# What the editable installation does on a machine: the repository and the generated code are on the path.
ENV PATH=/opt/carillon/bin:$PATH PYTHONPATH=/app:/app/proto/gen PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER carillon
CMD ["python", "-m", "services.campaigns.main"]
