// What a teacher needs for a round: which, how long, which question; start, stop, put away.
// The server checks everything again; its sentence is shown.

import {post} from "./api.js";
import {h, patchList, setHidden, setText} from "./dom.js";

const OPTIONS = 4;
const STOP = {
  countdown: "Call off",
  ready: "Call off",
  running: "Stop now",
  settling: "Counting …",
  done: "Put the result away",
};

export class Referee {
  constructor(fleet) {
    this.fleet = fleet;
    this.challenge = h("select", {id: "challenge", onchange: () => this.chosen()});
    this.rule = h("p", {class: "rule"});
    this.seconds = h("input", {id: "seconds", type: "number", min: 3, max: 3600, required: true});
    this.question = h("select", {id: "question", onchange: () => this.patchOwn()});
    this.own = this.makeOwn();
    this.quiz = h("div", {class: "quiz", hidden: true}, h("label", {for: "question"}, "Question"), this.question, this.own);
    this.start = h("button", {class: "send"}, "Start");
    this.form = h(
      "form",
      {class: "play", onsubmit: (event) => this.submit(event)},
      h("label", {for: "challenge"}, "Round"),
      this.challenge,
      this.rule,
      this.quiz,
      h("div", {class: "play-row"}, h("label", {for: "seconds"}, "Seconds"), this.seconds, this.start),
    );
    this.stop = h("button", {type: "button", class: "stop", onclick: () => this.end()});
    this.problem = h("p", {class: "problem", role: "alert", hidden: true});
    this.element = h(
      "section",
      {class: "panel referee", "aria-label": "Play a round"},
      h("h2", {}, "Play"),
      this.stop,
      this.form,
      this.problem,
    );
  }

  makeOwn() {
    this.text = h("input", {id: "own-text", maxlength: 160, autocomplete: "off"});
    this.options = Array.from({length: OPTIONS}, (_, index) =>
      h("input", {maxlength: 60, autocomplete: "off", "aria-label": `Answer ${index + 1}`, placeholder: `Answer ${index + 1}`}),
    );
    this.rights = this.options.map((_, index) =>
      h("input", {type: "radio", name: "right", value: index + 1, "aria-label": `Answer ${index + 1} is right`}),
    );
    this.rights[0].checked = true;
    return h(
      "div",
      {class: "own", hidden: true},
      h("label", {for: "own-text"}, "My question; mark the right answer"),
      this.text,
      ...this.options.map((option, index) => h("span", {class: "own-option"}, this.rights[index], option)),
    );
  }

  get rounds() {
    return this.fleet.challenges.challenges.filter((one) => one.round);
  }

  patch() {
    const {round} = this.fleet;
    const make = ({name}) => h("option", {value: name});
    const before = this.challenge.value;
    patchList(this.challenge, this.rounds, ({name}) => name, make, (option, {title}) => setText(option, title));
    const wanted = this.rounds.find(({name}) => name === this.challenge.value);
    if (this.challenge.value !== before || this.shown !== JSON.stringify(wanted)) this.chosen();
    setHidden(this.stop, !round);
    setHidden(this.form, !this.rounds.length || (round && round.state !== "done"));
    if (round) setText(this.stop, STOP[round.state]);
    this.stop.disabled = round?.state === "settling";
  }

  /** Another challenge, or another version of its file. */
  chosen() {
    const wanted = this.rounds.find(({name}) => name === this.challenge.value);
    this.shown = JSON.stringify(wanted);
    if (!wanted) return;
    setText(this.rule, wanted.rule);
    this.seconds.value = wanted.seconds;
    setHidden(this.quiz, !wanted.quiz);
    const asked = (wanted.quiz?.questions ?? []).map(({text}, index) => h("option", {value: index}, text));
    this.question.replaceChildren(...asked, h("option", {value: "own"}, "A question of my own …"));
    this.patchOwn();
  }

  patchOwn() {
    const quiz = this.rounds.find(({name}) => name === this.challenge.value)?.quiz;
    setHidden(this.own, !quiz || this.question.value !== "own");
    this.options.forEach((option, index) => setHidden(option.parentElement, index >= (quiz?.by.length || OPTIONS)));
  }

  asked() {
    if (this.quiz.hidden) return {};
    if (this.question.value !== "own") return {question: Number(this.question.value)};
    const texts = this.options.map((option) => option.value.trim());
    const right = this.rights.findIndex((one) => one.checked);
    const options = texts.filter(Boolean);
    const answer = texts[right] ? texts.slice(0, right + 1).filter(Boolean).length : 0; // an empty one cannot be right
    return {question: {text: this.text.value.trim(), options, answer}};
  }

  async submit(event) {
    event.preventDefault();
    await this.tell(async () => {
      await post("/api/rounds", {challenge: this.challenge.value, seconds: Number(this.seconds.value), ...this.asked()});
      if (this.question.value !== "own" && this.question.selectedIndex < this.question.options.length - 2) {
        this.question.selectedIndex += 1; // the next one is asked next
      }
    });
  }

  async end() {
    const {round} = this.fleet;
    if (round) await this.tell(() => post(`/api/rounds/${round.id}/stop`, {}));
  }

  async tell(what) {
    setHidden(this.problem, true);
    try {
      await what();
    } catch (error) {
      setText(this.problem, error.message);
      setHidden(this.problem, false);
    }
  }
}
