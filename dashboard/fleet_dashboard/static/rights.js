// Who is in front of this page: a viewer, who may look, or the teacher, who may command and configure.
// For other parts:
//   rights.isTeacher()            now; `rightschange` on window tells when it changes
//   rights.ask()                  opens the login; true once it is the teacher
//   data-teacher                  on an element: viewers do not see it (rights.css)
// post() of api.js asks by itself when the server wants the teacher, and then sends again what it was to send.
// The server decides everything; what is hidden here is hidden so that a class sees no dead buttons.

import {get, onRefused, post} from "./api.js";
import {h, setHidden, setText} from "./dom.js";

const FRAGMENT = "#teacher="; // of the link that `fleet teacher` prints: a fragment is never sent, so no log has it

class Rights {
  constructor() {
    this.role = null; // null until the server has said it
    this.waiting = []; // who asked for a login that is still open
    this.button = document.getElementById("teacher");
    this.button.addEventListener("click", () => this.open());
    this.dialog = this.makeDialog();
    document.body.append(this.dialog);
    onRefused(() => {
      this.become("viewer");
      return this.ask();
    });
    addEventListener("hashchange", () => this.takeLink());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh()); // hours may have passed
    this.takeLink() || this.refresh();
  }

  isTeacher() {
    return this.role === "teacher";
  }

  /** True once somebody has logged in, false when the dialog was closed without. */
  ask() {
    if (this.isTeacher()) return Promise.resolve(true);
    this.open();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  become(role) {
    if (role === this.role) return;
    this.role = role;
    document.documentElement.dataset.role = role;
    setText(this.button, this.isTeacher() ? "Teacher" : "Log in");
    this.button.title = this.isTeacher() ? "You may command; log out here" : "You may look; the teacher may command";
    dispatchEvent(new CustomEvent("rightschange", {detail: role}));
  }

  async refresh() {
    try {
      this.become((await get("/api/me")).role);
    } catch {
      this.become(this.role ?? "viewer"); // no answer: the strip says that
    }
  }

  /** The code of a teacher's link, taken out of the address bar before anything else. */
  takeLink() {
    if (!location.hash.startsWith(FRAGMENT)) return false;
    const code = decodeURIComponent(location.hash.slice(FRAGMENT.length));
    history.replaceState(history.state, "", location.pathname + location.search);
    this.login(code).catch((error) => {
      this.refresh();
      this.open(error.message);
    });
    return true;
  }

  async login(code) {
    this.become((await post("/api/login", {code})).role);
  }

  makeDialog() {
    this.code = h("input", {
      id: "teacher-code",
      type: "password",
      required: true,
      autocomplete: "current-password",
      autocapitalize: "none",
      spellcheck: "false",
    });
    this.seen = h("input", {id: "teacher-seen", type: "checkbox", onchange: () => this.showCode(this.seen.checked)});
    this.problem = h("p", {class: "wrong-code", role: "alert", hidden: true});
    this.form = h(
      "form",
      {onsubmit: (event) => this.submit(event)},
      h("p", {}, "Everybody may look. The teacher’s code lets you command the nodes and play rounds."),
      h("label", {for: "teacher-code"}, "Teacher’s code"),
      this.code,
      h("label", {class: "check", for: "teacher-seen"}, this.seen, "Show what I type"),
      this.problem,
      h("p", {class: "hint"}, h("code", {}, "fleet teacher"), " on the dashboard’s computer shows the code."),
      h("div", {class: "choices"}, this.makeCancel("Keep looking"), h("button", {class: "go"}, "Log in")),
    );
    this.account = h(
      "div",
      {hidden: true},
      h("p", {}, "In this browser you may command the nodes and play rounds, until 12 hours after you logged in."),
      h(
        "div",
        {class: "choices"},
        this.makeCancel("Close"),
        h("button", {type: "button", class: "go", onclick: () => this.logout()}, "Log out"),
      ),
    );
    this.title = h("h2", {id: "teacher-title"});
    return h(
      "dialog",
      {class: "teacher", "aria-labelledby": "teacher-title", onclose: () => this.closed()},
      this.title,
      this.form,
      this.account,
    );
  }

  makeCancel(text) {
    return h("button", {type: "button", onclick: () => this.dialog.close()}, text);
  }

  open(problem = "") {
    setText(this.title, this.isTeacher() ? "You are the teacher here" : "Teacher’s login");
    setHidden(this.form, this.isTeacher());
    setHidden(this.account, !this.isTeacher());
    this.say(problem);
    if (!this.dialog.open) this.dialog.showModal();
    if (!this.isTeacher()) this.code.focus();
  }

  showCode(seen) {
    this.code.type = seen ? "text" : "password";
    this.code.focus();
  }

  say(problem) {
    setText(this.problem, problem && `${problem[0].toUpperCase()}${problem.slice(1)}.`.replace(/\.\.$/, "."));
    setHidden(this.problem, !problem);
  }

  async submit(event) {
    event.preventDefault();
    try {
      await this.login(this.code.value);
      this.dialog.close();
    } catch (error) {
      this.say(error.message);
      this.code.select();
    }
  }

  async logout() {
    try {
      await post("/api/logout", {});
    } finally {
      this.dialog.close();
      await this.refresh();
    }
  }

  closed() {
    this.code.value = "";
    this.seen.checked = false;
    this.code.type = "password";
    for (const resolve of this.waiting.splice(0)) resolve(this.isTeacher());
  }
}

export const rights = new Rights();
