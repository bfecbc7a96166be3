// What the service worker does, with a browser of mocks: `node --test` runs it, test_service_worker.py asks it to.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const vm = require("node:vm");

const SOURCE = path.join(__dirname, "../../../../services/delivery/service_worker.js");
const MESSAGE = {
  id: "m1",
  report: "https://carillon.example/r/token",
  title: "Hello",
  body: "World",
  url: "https://shop.example/",
  actions: [{ action: "buy", title: "Buy", url: "https://shop.example/buy" }],
};

// An IndexedDB of one store, its answers given in a later turn, as a browser's are.
function memory(rows) {
  const request = (work) => {
    const made = {};
    setImmediate(() => {
      made.result = work();
      if (made.onsuccess) made.onsuccess();
    });
    return made;
  };
  const byAge = () => [...rows.values()].sort((a, b) => a.at - b.at).map((row) => row.id);
  const store = {
    get: (id) => request(() => rows.get(id)),
    put: (row) => request(() => void rows.set(row.id, row)),
    count: () => request(() => rows.size),
    delete: (id) => request(() => void rows.delete(id)),
    index: () => ({ getAllKeys: (range, most) => request(() => byAge().slice(0, most)) }),
  };
  const database = { transaction: () => ({ objectStore: () => store }), close: () => {} };
  return { open: () => request(() => database) };
}

function browser({ indexedDB, pages = [], answers = [] } = {}) {
  const seen = { shown: [], reports: [], opened: [], focused: [], slept: [] };
  const listeners = {};
  const rows = new Map();
  const context = {
    Blob,
    indexedDB: indexedDB || memory(rows),
    setTimeout: (resolve, pause) => {
      seen.slept.push(pause);
      resolve();
    },
    fetch: async (url, options) => {
      const status = answers.length ? answers.shift() : 204;
      seen.reports.push({ url, ...options, body: await options.body.text(), type: options.body.type });
      if (status === 0) throw new TypeError("no network");
      return { status };
    },
    self: {
      addEventListener: (name, listener) => (listeners[name] = listener),
      registration: { showNotification: async (title, options) => void seen.shown.push({ title, ...options }) },
      clients: {
        matchAll: async () => pages.map((url) => ({ url, focus: async () => void seen.focused.push(url) })),
        openWindow: async (url) => void seen.opened.push(url),
      },
    },
  };
  vm.runInNewContext(fs.readFileSync(SOURCE, "utf8"), context);
  const fire = async (name, event) => {
    const waiting = [];
    listeners[name]({ ...event, waitUntil: (promise) => waiting.push(promise) });
    await Promise.all(waiting);
  };
  const push = (message) => fire("push", { data: { json: () => message } });
  const act = (name, action = "") =>
    fire(name, { action, notification: { data: JSON.parse(JSON.stringify(seen.shown[0].data)), close: () => {} } });
  return { seen, rows, fire, push, act };
}

test("a push is shown with all that it carries", async () => {
  const { seen, push } = browser();

  await push(MESSAGE);

  const [shown] = seen.shown;
  assert.strictEqual(shown.title, "Hello");
  assert.strictEqual(shown.body, "World");
  assert.strictEqual(shown.tag, "m1");
  assert.deepStrictEqual(JSON.parse(JSON.stringify(shown.actions)), [{ action: "buy", title: "Buy" }]);
});

test("a repeat is not shown twice, another message is", async () => {
  const { seen, push } = browser();

  await push(MESSAGE);
  await push(MESSAGE);
  await push({ ...MESSAGE, id: "m2" });

  assert.deepStrictEqual(seen.shown.map((shown) => shown.tag), ["m1", "m2"]);
});

test("the memory is bounded and forgets the oldest", async () => {
  const { rows, push } = browser();
  for (let n = 0; n < 500; n += 1) rows.set(`old${n}`, { id: `old${n}`, at: n });

  await push(MESSAGE);

  assert.strictEqual(rows.size, 500);
  assert.ok(!rows.has("old0") && rows.has("old1") && rows.has("m1"));
});

test("without a memory a message is shown all the same", async () => {
  const { seen, push } = browser({ indexedDB: { open: () => { throw new Error("private window"); } } });

  await push(MESSAGE);

  assert.strictEqual(seen.shown.length, 1);
});

test("what is not Carillon's is left alone", async () => {
  const { seen, push, fire } = browser();

  await push({ title: "somebody else's" });
  await fire("push", { data: null });
  await fire("notificationclick", { notification: { data: null } });
  await fire("notificationclose", { notification: {} });

  assert.deepStrictEqual([seen.shown, seen.reports, seen.opened], [[], [], []]);
});

test("a click is reported and its link opened", async () => {
  const { seen, push, act } = browser();

  await push(MESSAGE);
  await act("notificationclick");

  assert.deepStrictEqual(seen.opened, ["https://shop.example/"]);
  const [report] = seen.reports;
  assert.strictEqual(report.url, MESSAGE.report);
  assert.strictEqual(report.method, "POST");
  assert.strictEqual(report.keepalive, true);
  assert.strictEqual(report.type, "");
  assert.deepStrictEqual(JSON.parse(report.body), { event: "clicked" });
});

test("a button is reported by its name and leads where it says", async () => {
  const { seen, push, act } = browser();

  await push(MESSAGE);
  await act("notificationclick", "buy");

  assert.deepStrictEqual(seen.opened, ["https://shop.example/buy"]);
  assert.deepStrictEqual(JSON.parse(seen.reports[0].body), { event: "clicked", action: "buy" });
});

test("a page that is open already comes to the front", async () => {
  const { seen, push, act } = browser({ pages: ["https://shop.example/other", "https://shop.example/"] });

  await push(MESSAGE);
  await act("notificationclick");

  assert.deepStrictEqual([seen.focused, seen.opened], [["https://shop.example/"], []]);
});

test("closing is reported as a dismissal and leads nowhere", async () => {
  const { seen, push, act } = browser();

  await push(MESSAGE);
  await act("notificationclose");

  assert.deepStrictEqual(JSON.parse(seen.reports[0].body), { event: "dismissed" });
  assert.deepStrictEqual(seen.opened, []);
});

for (const [answers, calls] of [[[0, 503, 204], 3], [[429, 204], 2], [[404], 1], [[0, 0, 0, 0], 3]]) {
  test(`a report that is answered ${answers} is sent ${calls} times`, async () => {
    const { seen, push, act } = browser({ answers });

    await push(MESSAGE);
    await act("notificationclose");

    assert.strictEqual(seen.reports.length, calls);
    assert.deepStrictEqual(seen.slept, [1000, 5000].slice(0, calls - 1));
  });
}
