"use strict";
(() => {
  const form = document.getElementById("form");
  const message = document.getElementById("message");
  const inputs = [...form.querySelectorAll("input")];
  const submit = form.querySelector("button[type=submit]");
  // Taken out of the address bar and the history before anything else.
  const secret = new URLSearchParams(location.hash.slice(1)).get(form.dataset.secret);
  history.replaceState(null, "", location.pathname);

  const say = (text, bad) => {
    message.textContent = text;
    message.classList.toggle("bad", bad);
    message.hidden = !text;
  };
  const mark = (input, text) => {
    const problem = document.getElementById(input.id + "-problem");
    problem.textContent = text;
    problem.hidden = !text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
  };
  const over = (text, bad) => {
    form.remove();
    say(text, bad);
  };

  for (const show of form.querySelectorAll(".show")) {
    show.addEventListener("click", () => {
      const input = document.getElementById(show.getAttribute("aria-controls"));
      const shown = input.type === "text";
      input.type = shown ? "password" : "text";
      show.setAttribute("aria-pressed", String(!shown));
    });
  }

  const refused = (status, error) => {
    if (status === 410) return over("This link has ended or was used already. Ask for a new one.", true);
    const rest = [];
    for (const { field, message: text } of (error && error.details) || []) {
      const input = inputs.find((input) => input.name === field);
      if (input) mark(input, text + ".");
      else rest.push(field + ": " + text);
    }
    const first = inputs.find((input) => input.getAttribute("aria-invalid") === "true");
    if (first) first.focus();
    if (!first || rest.length) say(rest.join("; ") || (error && error.message + ".") || "The server did not answer as it should. Try again.", true);
  };

  form.noValidate = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("", false);
    const body = { [form.dataset.member]: secret };
    for (const input of inputs) {
      mark(input, input.required && !input.value ? "Is required." : "");
      if (input.value) body[input.name] = input.value;
    }
    const missing = inputs.find((input) => input.getAttribute("aria-invalid") === "true");
    if (missing) return missing.focus();
    submit.disabled = true;
    try {
      const answer = await fetch(form.dataset.action, {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      if (answer.ok) return over(form.dataset.done, false);
      const json = await answer.json().catch(() => null);
      refused(answer.status, json && json.error);
    } catch {
      say("The server cannot be reached. Try again.", true);
    } finally {
      submit.disabled = false;
    }
  });

  if (!secret) return over("This link is not complete. Open it again exactly as you got it.", true);
  form.hidden = false;
  if (inputs.length) inputs[0].focus();
})();
