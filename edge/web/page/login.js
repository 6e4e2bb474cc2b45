// The login: a token becomes a cookie that no script can read.

import { send } from "./api.js";
import { make } from "./dom.js";
import { span } from "./figures.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

/** The login's element; `then` is called once it has worked. */
export function buildLogin(then) {
  const token = make("input", {
    id: "token", type: "password", autocomplete: "current-password", required: true, maxlength: 512,
    "aria-describedby": "login-hint login-error",
  });
  const error = make("p", { id: "login-error", class: "field-error", role: "alert" });
  const submit = make("button", { type: "submit", class: "main wide" }, make("span", { t: "login.enter" }));
  const form = make(
    "form",
    { class: "card login" },
    make("span", { class: "login-mark" }, icon("region")),
    make("h1", { t: "login.title" }),
    make("p", { id: "login-hint", class: "soft", t: "login.hint" }),
    make("label", { for: "token", t: "login.token" }),
    token,
    error,
    submit,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    submit.disabled = true;
    try {
      await send("POST", "/api/v1/login", { token: token.value });
      then();
    } catch (failed) {
      error.textContent = failed.status === 429
        ? say("login.wait", { span: span(failed.retryAfterS) })
        : failed.status === 401 ? say("login.wrong") : failed.message;
      token.select();
    } finally {
      submit.disabled = false;
    }
  });
  queueMicrotask(() => token.focus());
  return make("main", { class: "alone" }, form);
}
