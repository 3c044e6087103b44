// The banner of an open lesson, on every page for as long as it is open: whoever looks at the wall sees that nobody
// needs a password, and until when.

import {h, loadStyle, setHidden, setText} from "./dom.js";
import {clock} from "./units.js";

/** Stands below the strip; `fleet.lesson` is {until: server ms} or null. */
export class LessonBanner {
  constructor(fleet) {
    this.fleet = fleet;
    this.until = h("b");
    this.end = h("code");
    const words = h("span", {}, "Open lesson until ", this.until, ": nobody needs a password. ");
    this.how = h("small", {}, this.end, " ends it now.");
    this.element = h("p", {class: "lesson", role: "status", hidden: true}, words, this.how);
    document.getElementById("banner").after(this.element);
    loadStyle("/static/lesson.css").then(() => this.fleet.subscribe(() => this.patch()));
  }

  patch() {
    const {fleet} = this;
    const until = fleet.lesson?.until ?? 0;
    const open = until > fleet.now();
    if (open) {
      setText(this.until, clock(until).slice(0, 5));
      setText(this.end, `fleet class lock ${fleet.base}`);
    }
    setHidden(this.element, !open);
  }
}
