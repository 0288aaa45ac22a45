// Shows a password while its button is pressed in. Without this script the button stays hidden.
"use strict";

for (const button of document.querySelectorAll("[data-show-password]")) {
  const field = document.getElementById(button.dataset.showPassword);
  button.hidden = false;
  button.addEventListener("click", () => {
    const isShown = field.type === "text";
    field.type = isShown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!isShown));
    field.focus();
  });
  // a shown password must not be kept by the browser as ordinary text
  if (field.form) field.form.addEventListener("submit", () => { field.type = "password"; });
}

// Departments belong to one role only.
for (const select of document.querySelectorAll("[data-role]")) {
  const departments = document.getElementById(select.dataset.role);
  const show = () => {
    const isManager = select.value === "department";
    departments.hidden = !isManager;
    departments.disabled = !isManager;
  };
  select.addEventListener("change", show);
  show();
}
