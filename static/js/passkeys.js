/** Passkeys: shows what needs them where the browser has them, and says it on the page when one was not used. */

if (window.PublicKeyCredential) {
  for (const element of document.querySelectorAll("[data-passkey]")) element.removeAttribute("hidden");
} else {
  for (const element of document.querySelectorAll("[data-passkey-missing]")) element.removeAttribute("hidden");
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault(); // it would only be written to the console
  for (const element of document.querySelectorAll("[data-passkey-error]")) element.removeAttribute("hidden");
});
