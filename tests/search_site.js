// node search_site.js SITE QUERY: the site's search as a page opened from a folder runs it.
const fs = require("fs"), vm = require("vm"), { pathToFileURL, fileURLToPath } = require("url");
const [site, query] = process.argv.slice(2);
const home = pathToFileURL(site + "/index.html").href;
function page() {
  const target = new EventTarget();
  const context = vm.createContext({ URL, EventTarget, MessageEvent, console, location: new URL(home),
    dispatchEvent: e => target.dispatchEvent(e), addEventListener: (...a) => target.addEventListener(...a) });
  context.window = context.self = context; context.parent = context;
  return context;
}
const top = page();
top.document = { body: { appendChild() {} }, createElement(name) {
  const inside = page(); const frame = { contentWindow: inside };
  inside.frameElement = frame; inside.parent = top;
  frame.contentDocument = { open() {}, close() {}, write(html) {
    for (const [, src, code] of html.matchAll(/<script(?: src="([^"]*)")?>(.*?)<\/script>/gs))
      vm.runInContext(src ? fs.readFileSync(fileURLToPath(src), "utf8") : code, inside);
  } };
  return frame;
} };
const html = fs.readFileSync(site + "/index.html", "utf8");
const config = JSON.parse(html.match(/<script id="__config"[^>]*>(.*?)<\/script>/s)[1]);
vm.runInContext(fs.readFileSync(site + "/scripts/iframe-worker.js", "utf8"), top);
vm.runInContext(fs.readFileSync(site + "/search/search_index.js", "utf8"), top);
top.address = new URL(config.search, home).href;
const worker = vm.runInContext("new Worker(address)", top);
worker.addEventListener("message", ({ data }) => {
  if (data.type === 1) worker.postMessage({ type: 2, data: query });
  else console.log(JSON.stringify(data.data.items.flat().map(item => item.location)));
});
worker.postMessage({ type: 0, data: { config: top.__index.config, docs: top.__index.docs, options: {suggest: false} } });
