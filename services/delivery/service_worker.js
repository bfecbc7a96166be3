// Owns what a browser does with a push of Carillon: shows it once, reports what became of it, follows its link.
//
// A site serves it from its own origin, as it is or by importScripts("<public url>/carillon-worker.js"). Pushes and
// notifications that are not Carillon's are left to the site's other listeners.
"use strict";

(() => {
  const DATABASE = "carillon";
  const SHOWN = "shown"; // {id, at}, the messages that were shown
  const MOST = 500; // of them; a push service forgets a message long before so many newer ones came
  const PAUSES = [1000, 5000]; // milliseconds before a report is tried again

  self.addEventListener("push", (event) => {
    const message = read(event.data);
    if (message) event.waitUntil(show(message));
  });

  self.addEventListener("notificationclick", (event) => {
    const kept = event.notification.data && event.notification.data.carillon;
    if (!kept) return;
    event.notification.close();
    const url = kept.urls[event.action] || kept.url;
    event.waitUntil(Promise.all([follow(url), report(kept, "clicked", event.action)]));
  });

  self.addEventListener("notificationclose", (event) => {
    const kept = event.notification.data && event.notification.data.carillon;
    if (kept) event.waitUntil(report(kept, "dismissed", ""));
  });

  function read(data) {
    try {
      const message = data.json();
      return message.id && message.report && message.title ? message : null;
    } catch {
      return null; // no data, or none of ours
    }
  }

  async function show(message) {
    if (await wasShown(message.id)) return;
    const actions = message.actions || [];
    await self.registration.showNotification(message.title, {
      body: message.body,
      icon: message.icon,
      image: message.image,
      tag: message.id, // a repeat that comes before the memory is written replaces, and does not double
      actions: actions.map(({ action, title }) => ({ action, title })),
      data: {
        carillon: {
          report: message.report,
          url: message.url,
          urls: Object.fromEntries(actions.map(({ action, url }) => [action, url])),
        },
      },
    });
    await remember(message.id); // last: a message that could not be shown may be shown by its repeat
  }

  async function follow(url) {
    if (!url) return;
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const open = pages.find((page) => page.url === url);
    await (open ? open.focus() : self.clients.openWindow(url));
  }

  async function report(kept, event, action) {
    // A body without a type is not worth a preflight to the browser.
    const body = new Blob([JSON.stringify(action ? { event, action } : { event })]);
    for (const pause of [...PAUSES, null]) {
      const told = await send(kept.report, body);
      if (told || pause === null) return;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async function send(url, body) {
    try {
      const answer = await fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" });
      return answer.status < 500 && answer.status !== 429;
    } catch {
      return false;
    }
  }

  // The memory. Where there is none (a private window, a full disk), a message is rather shown twice than never.

  async function wasShown(id) {
    try {
      return (await answered((await shown("readonly")).get(id))) !== undefined;
    } catch {
      return false;
    }
  }

  async function remember(id) {
    try {
      const store = await shown("readwrite");
      await answered(store.put({ id, at: Date.now() }));
      const tooMany = (await answered(store.count())) - MOST;
      if (tooMany <= 0) return;
      const oldest = await answered(store.index("at").getAllKeys(null, tooMany));
      await Promise.all(oldest.map((key) => answered(store.delete(key))));
    } catch {
      // not remembered
    }
  }

  async function shown(mode) {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () =>
      opening.result.createObjectStore(SHOWN, { keyPath: "id" }).createIndex("at", "at");
    const database = await answered(opening);
    const transaction = database.transaction(SHOWN, mode);
    transaction.oncomplete = transaction.onabort = () => database.close();
    return transaction.objectStore(SHOWN);
  }

  function answered(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
})();
