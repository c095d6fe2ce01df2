/* Suggestions while typing, for each field with `data-suggest`: the combobox with list autocomplete of
   the WAI's ARIA Authoring Practices Guide. Without this module the field is a plain search field. */

const AFTER_MILLISECONDS = 120;
const LEAST_LETTERS = 2;
const words = document.getElementById("suggest-words").dataset;
const views = JSON.parse(words.views);
let fields = 0;

class Suggestions {
  constructor(input) {
    this.input = input;
    this.id = `suggest-${++fields}`;
    this.options = [];
    this.active = -1;
    this.asked = null;
    this.timer = 0;
    this.list = Object.assign(document.createElement("ul"), { id: this.id, className: "suggest-list", hidden: true });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", words.label);
    this.told = Object.assign(document.createElement("div"), { className: "visually-hidden" });
    this.told.setAttribute("role", "status");
    input.after(this.list);
    this.list.after(this.told);
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.id,
    })) input.setAttribute(name, value);
    input.addEventListener("input", () => this.later());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps its focus
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.go(this.options.indexOf(option));
    });
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), AFTER_MILLISECONDS);
  }

  async ask() {
    this.asked?.abort();
    const text = this.input.value.trim();
    if (text.length < LEAST_LETTERS) return this.close();
    this.asked = new AbortController();
    try {
      const answer = await fetch(`/api/v1/suggest?${new URLSearchParams({ q: text, size: "8" })}`, {
        headers: { Accept: "application/json" }, signal: this.asked.signal,
      });
      if (answer.ok) this.show(await answer.json());
      else this.close();
    } catch (error) {
      if (error.name !== "AbortError") this.close(); // the search itself works without suggestions
    }
  }

  show({ suggestions, did_you_mean: meant }) {
    if (document.activeElement !== this.input) return;
    const rows = suggestions.map((each) => ({ title: each.title, kind: views[each.view] ?? each.view, text: each.title, view: each.view, id: each.id }));
    if (!rows.length && meant) rows.push({ title: meant, kind: words.meant, text: meant });
    this.options = rows.map((row, place) => this.option(row, place));
    this.list.replaceChildren(...this.options);
    this.active = -1;
    this.input.removeAttribute("aria-activedescendant");
    this.open(rows.length > 0);
    this.told.textContent = rows.length === 0 ? words.none : rows.length === 1 ? words.one : words.many.replace("{count}", rows.length);
  }

  option(row, place) {
    const option = document.createElement("li");
    option.id = `${this.id}-${place}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.append(
      Object.assign(document.createElement("span"), { textContent: row.title }),
      " ",
      Object.assign(document.createElement("span"), { className: "suggest-kind", textContent: row.kind }),
    );
    option.row = row;
    return option;
  }

  key(event) {
    if (event.isComposing) return;
    const last = this.options.length - 1;
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.options.length) return this.ask();
      event.preventDefault();
      this.open(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      const from = this.active < 0 && step < 0 ? last + 1 : this.active;
      this.choose(from + step > last ? 0 : from + step < 0 ? last : from + step);
    } else if (event.key === "Enter" && isOpen && this.active >= 0) {
      event.preventDefault();
      this.go(this.active);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Tab") {
      this.close();
    } else if (this.active >= 0) {
      this.choose(-1); // whoever types or moves the caret is back in the text
    }
  }

  choose(place) {
    this.options[this.active]?.setAttribute("aria-selected", "false");
    this.active = place;
    const option = this.options[place];
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  go(place) {
    const { row } = this.options[place];
    this.close();
    if (row.view) {
      // what is suggested are entities: the category in the id is that of the view
      location.assign(`/${row.view}/${encodeURIComponent(row.id.slice(row.id.indexOf("/") + 1))}`);
    } else {
      this.input.value = row.text;
      this.input.form.requestSubmit();
    }
  }

  open(yes) {
    this.list.hidden = !yes;
    this.input.setAttribute("aria-expanded", String(yes));
  }

  close() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.open(false);
    this.choose(-1);
    this.options = [];
    this.list.replaceChildren();
    this.told.textContent = "";
  }
}

for (const input of document.querySelectorAll("input[data-suggest]")) new Suggestions(input);
