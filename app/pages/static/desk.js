// What makes the desk comfortable: drafts, lists, names, receipts. Every page works without it.

import { keepDraft, forgetDrafts } from "./desk-draft.js";
import { orderLists } from "./desk-lists.js";
import { completeNames } from "./desk-names.js";
import { followReceipt } from "./desk-receipt.js";

for (const form of document.querySelectorAll("form[data-draft]")) {
  orderLists(form);
  keepDraft(form);
  completeNames(form);
}
for (const receipt of document.querySelectorAll("[data-receipt]")) {
  forgetDrafts(receipt.dataset.who, receipt.dataset.saved, Number(receipt.dataset.savedVersion));
  followReceipt(receipt);
}
for (const form of document.querySelectorAll("form[data-count]")) countDocuments(form);
for (const form of document.querySelectorAll("form[data-names]")) completeNames(form);
document.querySelector("[data-focus]")?.focus();

// The fan-out of a review, asked for at once: the answer is the same page, of which a part is shown.
async function countDocuments(form) {
  const section = form.closest("[data-fan-out]");
  const body = new URLSearchParams(new FormData(form));
  body.set("do", "count");
  form.replaceWith(Object.assign(document.createElement("p"), { className: "hint", textContent: form.dataset.count }));
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const counted = page.querySelector("[data-fan-out]");
    if (!counted || counted.querySelector("form")) throw new Error(`status ${answer.status}`);
    section.replaceChildren(...counted.childNodes);
  } catch {
    section.lastElementChild.replaceWith(form);
  }
}
