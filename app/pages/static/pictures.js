// A picture that cannot be loaded gives way to the frame behind it, which says what it shows.

function giveWay(image) {
  const frame = image.closest(".picture-frame");
  frame?.querySelector(".picture-blank")?.removeAttribute("aria-hidden");
  image.remove();
}

for (const image of document.querySelectorAll(".picture-frame img")) {
  if (image.complete && image.naturalWidth === 0 && image.currentSrc) giveWay(image);
  else image.addEventListener("error", () => giveWay(image), { once: true });
}
