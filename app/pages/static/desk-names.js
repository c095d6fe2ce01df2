// Names of entities are suggested while they are typed: the combobox with list autocomplete of the
// WAI's ARIA Authoring Practices Guide. What is chosen is written with its id behind, as the server
// shows it, so that it is clear whom the name means.

const AFTER = 150;
const MOST = 8;
let fields = 0;

export function completeNames(form) {
  for (const input of form.querySelectorAll("input[data-names-of]")) if (input.dataset.namesOf) new Names(input);
  form.addEventListener("row-added", (event) => {
    const input = event.target.querySelector("input[data-names-of]");
    if (!input?.dataset.namesOf) return;
    const old = input.closest(".desk-names");
    old?.querySelector(".desk-options")?.remove();
    old?.replaceWith(input);
    new Names(input);
  });
}

class Names {
  constructor(input) {
    this.input = input;
    this.active = -1;
    this.timer = 0;
    this.asked = null;
    const around = Object.assign(document.createElement("span"), { className: "desk-names" });
    this.list = Object.assign(document.createElement("ul"), { className: "desk-options", id: `desk-names-${++fields}`, hidden: true });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", input.getAttribute("aria-label") ?? input.labels[0]?.textContent.trim() ?? "");
    input.replaceWith(around);
    around.append(input, this.list);
    const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id };
    for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
    input.addEventListener("input", () => this.soon());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps its focus
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.take(option);
    });
  }

  soon() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.ask(), AFTER);
  }

  async ask() {
    this.asked?.abort();
    const text = this.input.value.trim();
    if (!text) {
      this.close();
      return;
    }
    this.asked = new AbortController();
    const asked = new URLSearchParams({ q: text, view: this.input.dataset.namesOf, size: MOST });
    try {
      const answer = await fetch(`/api/v1/suggest?${asked}`, { headers: { Accept: "application/json" }, signal: this.asked.signal });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.show((await answer.json()).suggestions);
    } catch (error) {
      if (error.name !== "AbortError") this.close(); // a name can be typed in full, and is looked up when it is posted
    }
  }

  show(suggestions) {
    if (document.activeElement !== this.input) return;
    const options = suggestions.map((each, number) => {
      const option = document.createElement("li");
      option.id = `${this.list.id}-${number}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.value = `${each.title} (${each.id})`;
      const name = document.createElement("span");
      name.textContent = each.alias ? `${each.alias} → ${each.title}` : each.title;
      const id = document.createElement("small");
      id.textContent = each.id;
      option.append(name, id);
      return option;
    });
    this.list.replaceChildren(...options);
    this.open(options.length > 0);
    this.mark(-1);
  }

  key(event) {
    if (event.isComposing) return;
    const count = this.list.children.length;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !this.list.hidden) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      const from = this.active < 0 && step < 0 ? count : this.active;
      this.mark((from + step + count) % count);
    } else if (event.key === "Enter" && !this.list.hidden && this.active >= 0) {
      this.take(this.list.children[this.active]);
    } else if (event.key === "Escape" && !this.list.hidden) {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
  }

  mark(number) {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = number;
    const option = this.list.children[number];
    if (!option) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  take(option) {
    this.input.value = option.dataset.value;
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
    this.close();
  }

  open(yes) {
    this.list.hidden = !yes;
    this.input.setAttribute("aria-expanded", String(yes));
  }

  close() {
    window.clearTimeout(this.timer);
    this.asked?.abort();
    this.open(false);
    this.mark(-1);
  }
}
