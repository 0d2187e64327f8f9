/* Browsers start no worker for a page that was opened from a folder. The search of the site is a
   worker: here it runs in a hidden frame instead. Served pages use the browser's own workers. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = []; // messages that come before the script is there
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      // What the script posts is an event of this object.
      this.frame.reply = data => this.dispatchEvent(new MessageEvent("message", { data }));
      this.frame.loaded = () => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach(data => this.postMessage(data));
      };
      document.body.appendChild(this.frame);
      const page = this.frame.contentDocument;
      page.open();
      page.write("<script>var frame = frameElement; postMessage = data => frame.reply(data)</script>");
      page.write(`<script src="${new URL(url, location.href)}"></script>`);
      page.write("<script>frame.loaded()</script>");
      page.close();
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
