// Lists whose rows are moved by buttons, with the keyboard or a pointer. The numbers that order the
// rows without JavaScript stay in the form, and are set as the rows stand.

export function orderLists(form) {
  for (const list of form.querySelectorAll("[data-list]")) order(list, form.dataset);
}

function order(list, words) {
  const rows = list.querySelector("ol");
  const status = document.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  list.append(status);
  list.classList.add("is-moved-by-buttons");
  for (const row of rows.children) equip(row);
  const more = list.querySelector("button[value=form]");
  more.type = "button";
  more.addEventListener("click", () => add().querySelector("[name^='f.']").focus());
  list.addEventListener("row", () => add());
  number();

  function add() {
    const row = rows.lastElementChild.cloneNode(true);
    row.querySelector(".desk-moves").remove();
    const element = row.querySelector("[name^='f.']");
    element.value = "";
    element.removeAttribute("aria-invalid");
    rows.append(row);
    equip(row);
    number();
    row.dispatchEvent(new CustomEvent("row-added", { bubbles: true }));
    return row;
  }

  function equip(row) {
    row.querySelector(".desk-order").hidden = true;
    const moves = document.createElement("span");
    moves.className = "desk-moves";
    moves.append(
      button("↑", words.up, () => move(row, -1)),
      button("↓", words.down, () => move(row, 1)),
      button("×", words.out, () => takeOut(row)),
    );
    row.append(moves);
  }

  function button(sign, label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "secondary";
    made.textContent = sign;
    made.dataset.label = label;
    made.addEventListener("click", act);
    return made;
  }

  function move(row, by) {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    const pressed = document.activeElement;
    if (by < 0) other.before(row);
    else other.after(row);
    changed();
    pressed.focus();
    const place = [...rows.children].indexOf(row) + 1;
    status.textContent = words.moved.replace("ITEM", value(row)).replace("NUMBER", place);
  }

  function takeOut(row) {
    row.querySelector("[name^='f.']").value = "";
    rows.append(row);
    changed();
    rows.firstElementChild.querySelector("[name^='f.']").focus();
  }

  function changed() {
    number();
    list.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function value(row) {
    return row.querySelector("[name^='f.']").value || "–";
  }

  function number() {
    const legend = list.querySelector("legend").firstChild.textContent.trim();
    [...rows.children].forEach((row, index) => {
      const element = row.querySelector("[name^='f.']");
      row.querySelector(".desk-order").value = String(index + 1);
      element.setAttribute("aria-label", `${legend} ${index + 1}`);
      for (const each of row.querySelectorAll(".desk-moves button")) {
        each.setAttribute("aria-label", `${each.dataset.label}: ${legend} ${index + 1}`);
      }
    });
    const first = rows.querySelector("[name^='f.']").id;
    const id = first.replace(/-\d+$/, "");
    [...rows.children].forEach((row, index) => {
      row.querySelector("[name^='f.']").id = index ? `${id}-${index + 1}` : id;
    });
  }
}
