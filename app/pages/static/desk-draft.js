// What is typed into a form is kept in this browser until it is saved, so that no text is ever lost.
// The key has who typed it, the stream, and the version that was read: neither another's draft nor one
// of another version is restored.

const PREFIX = "stet.draft:";
const NOT_KEPT = new Set(["event_id", "version", "do", "token"]);
const PAUSE = 300;

const key = (who, stream, version) => `${PREFIX}${who}:${stream}:${version}`;

function typed(form) {
  return [...new FormData(form)].filter(([name, value]) => !NOT_KEPT.has(name) && typeof value === "string");
}

function stored(name) {
  try {
    const pairs = JSON.parse(localStorage.getItem(name) ?? "null");
    return Array.isArray(pairs) ? pairs : null;
  } catch {
    return null;
  }
}

// Returns false where the browser keeps nothing: private windows, or a full store.
function store(name, pairs) {
  try {
    localStorage.setItem(name, JSON.stringify(pairs));
    return true;
  } catch {
    return false;
  }
}

function remove(name) {
  try {
    localStorage.removeItem(name);
  } catch {
    // what cannot be reached was not stored
  }
}

export function keepDraft(form) {
  const name = key(form.dataset.who, form.dataset.stream, form.dataset.version);
  const state = form.querySelector("[data-draft-state]");
  const fresh = typed(form);
  const draft = stored(name);
  if (form.dataset.draft === "fresh" && draft && JSON.stringify(draft) !== JSON.stringify(fresh)) {
    fill(form, draft);
    notify(form, name, fresh);
  } else if (form.dataset.draft === "typed") {
    store(name, fresh);
  }
  let waiting = 0;
  const keep = () => {
    window.clearTimeout(waiting);
    waiting = 0;
    if (store(name, typed(form)) && state) state.textContent = form.dataset.kept;
  };
  const soon = () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(keep, PAUSE);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("submit", keep);
  window.addEventListener("pagehide", () => waiting && keep());
}

function notify(form, name, fresh) {
  const notice = document.createElement("div");
  notice.className = "notice good row";
  notice.setAttribute("role", "status");
  const said = document.createElement("span");
  said.textContent = form.dataset.restored;
  const discard = document.createElement("button");
  discard.type = "button";
  discard.className = "secondary";
  discard.textContent = form.dataset.discard;
  discard.addEventListener("click", () => {
    remove(name);
    fill(form, fresh);
    notice.remove();
    form.querySelector("input:not([type=hidden]), textarea")?.focus();
  });
  notice.append(said, discard);
  form.before(notice);
}

// Puts pairs into the form; lists get the rows that they need.
function fill(form, pairs) {
  const values = new Map();
  for (const [name, value] of pairs) values.set(name, [...(values.get(name) ?? []), value]);
  for (const list of form.querySelectorAll("[data-list]")) {
    const rows = list.querySelectorAll("li");
    const name = rows[0].querySelector("[name^='f.']").name;
    for (let missing = (values.get(name) ?? []).length - rows.length; missing > 0; missing -= 1) {
      list.dispatchEvent(new CustomEvent("row"));
    }
  }
  const used = new Map();
  for (const element of form.elements) {
    if (!element.name || element.type === "hidden" || NOT_KEPT.has(element.name)) continue;
    const given = values.get(element.name) ?? [];
    if (element.type === "checkbox" || element.type === "radio") {
      element.checked = given.includes(element.value);
    } else {
      const number = used.get(element.name) ?? 0;
      used.set(element.name, number + 1);
      element.value = given[number] ?? "";
    }
  }
}

// Forgets the drafts of an entity that were made before the version that was saved.
export function forgetDrafts(who, stream, version) {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(`${PREFIX}${who}:${stream}:`));
    for (const name of names) {
      if (Number(name.slice(name.lastIndexOf(":") + 1)) < version) remove(name);
    }
    if (version === 1) remove(key(who, `${stream.split("/")[0]}/`, 0));
  } catch {
    // a browser that keeps nothing has nothing to forget
  }
}
