// Asks again and again until every view has what was saved, and shows it row by row.

const EVERY = 1000;
const LONGEST = 10_000;

export function followReceipt(receipt) {
  const sequence = Number(receipt.dataset.receipt);
  const waiting = new Map(
    [...receipt.querySelectorAll("tr.is-waiting")].map((row) => [row.dataset.view, row]),
  );
  if (waiting.size) ask(EVERY);

  async function ask(pause) {
    try {
      const answer = await fetch("/api/v1/status", { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      for (const view of (await answer.json()).views) show(view);
      pause = EVERY;
    } catch {
      pause = Math.min(2 * pause, LONGEST); // the server may be starting again
    }
    if ([...waiting.values()].length) window.setTimeout(() => ask(pause), pause);
    else done();
  }

  function show(view) {
    const row = waiting.get(view.view);
    if (!row) return;
    if (view.generation !== null && view.checkpoint >= sequence) {
      row.className = "is-seen";
      row.querySelector("[data-state]").textContent = receipt.dataset.searchable;
      waiting.delete(view.view);
    } else if (view.needs_rebuild) {
      waiting.delete(view.view); // it waits for an operator, not for us
    }
  }

  function done() {
    const said = receipt.querySelector("[data-receipt-said]");
    if (!receipt.querySelector("tr.is-waiting")) {
      said.textContent = receipt.dataset.all;
      said.className = "notice good";
    }
    document.querySelector("[data-receipt-again]")?.remove();
  }
}
