// What the QR code of a sheet leads to: the ticket of one node in words, what to do with it on a PC and on a board, and
// whether the host has heard that node. The ticket comes behind the # of the address, which no browser sends anywhere;
// it is taken out of the address bar and kept for this tab only. Nothing here goes over the network.

import {h, loadStyle, setAttribute, setHidden, setText} from "./dom.js";
import {parseTicket, ticketConfig, ticketLine} from "./ticket.js";
import {span} from "./units.js";

await loadStyle("/static/join.css");

const KEPT = "join-ticket"; // in sessionStorage, so that a reload finds it again
const USUAL_HTTP = 8080; // of a dashboard
const DOTS = "••••";
const HEARD = ["online", "silent", "sleeping"];

export class JoinPage {
  constructor(fleet) {
    this.fleet = fleet;
    this.ticket = null;
    this.seen = false; // the secret, on the screen
    this.verdict = h("p", {class: "join-verdict", role: "status"});
    this.form = this.makeForm();
    this.body = h("div", {class: "join-body", hidden: true});
    this.element = h("div", {class: "join"}, this.form, this.body);
    this.take(this.fragment() ?? sessionStorage.getItem(KEPT) ?? "");
  }

  /** The ticket of the link that led here, taken out of the address bar; a new one makes a new page (app.js). */
  fragment() {
    if (!location.hash || location.hash.startsWith("#teacher=")) return null; // that one is for rights.js
    const text = plain(location.hash.slice(1));
    history.replaceState(history.state, "", location.pathname);
    return text;
  }

  makeForm() {
    this.field = h("input", {
      id: "join-ticket",
      type: "password",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      required: true,
    });
    this.problem = h("p", {class: "join-problem", role: "alert", hidden: true});
    const submit = (event) => {
      event.preventDefault();
      this.take(this.field.value);
    };
    const look = h("button", {type: "button", onclick: () => this.lookAtField()}, "Show");
    return h(
      "form",
      {class: "panel join-form", onsubmit: submit},
      h("h1", {}, "Join the class"),
      h("p", {}, "Your sheet has a line that begins with mqtt:// — your ticket. Scan its code, or type the line here."),
      h("label", {for: "join-ticket"}, "Ticket"),
      h("div", {class: "join-row"}, this.field, look),
      this.problem,
      h("button", {class: "send"}, "Go on"),
      h("p", {class: "join-hint"}, "It stays in this browser: nothing of it is sent."),
    );
  }

  lookAtField() {
    this.field.type = this.field.type === "password" ? "text" : "password";
    this.field.focus();
  }

  show() {
    document.title = "Join · Sensor Fleet";
    this.leave = this.fleet.subscribe(() => this.patch());
    this.patch();
  }

  hide() {
    this.leave();
  }

  tick() {
    this.patch();
  }

  // -- the ticket ----------------------------------------------------------------------------------------------

  take(text) {
    let problem = "";
    try {
      this.ticket = text.trim() ? parseTicket(text) : null;
    } catch (error) {
      this.ticket = null;
      problem = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
      this.field.value = text;
    }
    setText(this.problem, problem);
    setHidden(this.problem, !problem);
    if (this.ticket) this.field.value = "";
    if (text) sessionStorage.setItem(KEPT, text);
    else sessionStorage.removeItem(KEPT);
    this.draw();
  }

  draw() {
    setHidden(this.form, this.ticket !== null);
    setHidden(this.body, this.ticket === null);
    if (this.ticket) this.body.replaceChildren(...this.parts(this.ticket));
    this.patch();
  }

  parts(ticket) {
    const secret = ticket.secret && (this.seen ? ticket.secret : DOTS);
    const config = (word) => `${JSON.stringify(ticketConfig(ticket, word, httpPort()), null, 2)}\n`;
    const line = (word) => (ticket.tls && httpPort() !== USUAL_HTTP ? link(ticket, word) : ticketLine(ticket, word));
    const facts = [
      ["Node", ticket.node],
      ["Class", ticket.base],
      ["Broker", `${ticket.host}:${ticket.port}${ticket.tls ? ", encrypted" : ""}`],
      ["Secret", secret || "none: this broker asks nobody"],
    ];
    const toggle = () => {
      this.seen = !this.seen;
      this.draw();
    };
    return [
      h(
        "header",
        {class: "panel join-head"},
        h("h1", {}, ticket.node),
        this.verdict,
        h("dl", {}, ...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
        h(
          "div",
          {class: "join-choices"},
          ticket.secret
            ? h("button", {type: "button", class: "quiet", onclick: toggle}, this.seen ? "Hide the secret" : "Show the secret")
            : null,
          h("button", {type: "button", class: "quiet", onclick: () => this.take("")}, "Another ticket"),
        ),
      ),
      h(
        "section",
        {class: "panel join-way"},
        h("h2", {}, "On a PC"),
        h("p", {}, "Type ", h("code", {}, "fleet join"), ", and at its question this line:"),
        this.copyable(line(secret), () => line(ticket.secret), "Copy the line"),
      ),
      h(
        "section",
        {class: "panel join-way"},
        h("h2", {}, "On a board"),
        h("p", {}, "At its prompt ", h("code", {}, ">>>"), " type ", h("code", {}, "import join"),
          ", then the same line. Or put this into its ", h("code", {}, "config.json"), ", and add the Wi‑Fi:"),
        this.copyable(config(secret), () => config(ticket.secret), "Copy it", this.download(() => config(ticket.secret))),
        ticket.tls
          ? h("p", {class: "join-hint"}, "It is encrypted: the node gets the certificate of your class from this " +
              "dashboard, and compares it with the ticket.")
          : null,
      ),
    ];
  }

  /** A text of which the secret may be hidden, and a button that copies all of it. */
  copyable(shown, text, words, ...more) {
    const box = h("pre", {tabindex: "0"}, shown);
    const button = h("button", {type: "button", class: "send", onclick: async () => {
      setText(button, (await copy(text())) ? "Copied" : "Not allowed here: show the secret and copy by hand");
      setTimeout(() => setText(button, words), 2500);
    }}, words);
    return h("div", {class: "join-copy"}, box, h("div", {class: "join-choices"}, button, ...more));
  }

  download(text) {
    const link = h("a", {class: "button", href: "#", download: "config.json", onclick: () => {
      const url = URL.createObjectURL(new Blob([text()], {type: "application/json"}));
      link.href = url;
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    }}, "Save as config.json");
    return link;
  }

  // -- is it heard? --------------------------------------------------------------------------------------------

  patch() {
    if (!this.ticket) return;
    const [level, sentence] = this.judge(this.ticket);
    setAttribute(this.verdict, "data-level", level);
    setText(this.verdict, sentence);
  }

  /** The same words as the node's own, node/fleet_node/joining.txt. */
  judge({node: id, base}) {
    const {fleet} = this;
    if (!fleet.ready) return ["wait", "Asking the dashboard …"];
    if (fleet.base !== base) {
      return ["bad", `Wrong class. This is the dashboard of ${fleet.base}, and the ticket is for ${base}. Compare the ` +
        "word at the end of the ticket, behind the /, with your sheet."];
    }
    if (!fleet.broker.connected) {
      return ["bad", "Dashboard cut off. It has lost the broker and tries again by itself. Tell your teacher."];
    }
    const node = fleet.nodes.get(id);
    if (HEARD.includes(node?.state)) return ["good", `It works. The dashboard has heard ${id}.`];
    if (node?.last) {
      return ["warn", `Not heard. ${id} was here ${span(fleet.now() - node.last)} ago and is gone. Start it again; it ` +
        "says what is in its way."];
    }
    return ["wait", `Not heard yet. Start ${id} as below; this changes by itself as soon as it is there.`];
  }
}

function httpPort() {
  return Number(location.port) || (location.protocol === "https:" ? 443 : 80);
}

/** The ticket with the dashboard in front: where the CA certificate is asked for, if that is not the usual port. */
function link(ticket, secret) {
  return `${location.origin}/join#${ticketLine(ticket, secret)}`;
}

/** A scanner may have written some signs as %40. */
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Without https a browser has no clipboard for pages, but it still copies what is selected. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", {class: "unseen", "aria-hidden": "true"});
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
