// Sends the chosen songs one after the other, and shows how far each is. Without it, the form sends all in one request.
"use strict";
(() => {
  const form = document.getElementById("upload");
  const input = document.getElementById("file");
  const list = document.getElementById("files");
  const said = document.getElementById("said");
  const line = [];
  const count = { sent: 0, refused: 0 };
  let busy = false;
  // A service without room for one more answers, and closes the connection: of a large song, a browser may see only that. So what is
  // lost is sent again after so many seconds, and is given up when that has failed so often.
  const pause = 10;
  const mostLost = 6;

  const element = (name, kind, text) => {
    const e = document.createElement(name);
    e.className = kind;
    e.textContent = text;
    return e;
  };

  const say = () => {
    const left = line.length + (busy ? 1 : 0);
    said.textContent = `${count.sent} sent` + (count.refused ? `, ${count.refused} not taken` : "") + (left ? `, ${left} to go` : ".");
  };

  const end = (row, ...shown) => {
    row.replaceChildren(...shown);
    count[row.querySelector(".done") ? "sent" : "refused"]++;
    busy = false;
    next();
  };

  const send = ({ file, row, lost = 0 }) => {
    const name = element("span", "name", file.name);
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `Progress of ${file.name}`);
    const percent = element("span", "n", "0 %");
    percent.setAttribute("aria-hidden", "true");
    row.replaceChildren(name, " ", bar, " ", percent);
    const fail = (text) => end(row, name, " ", element("span", "problem", text));
    if (file.size > Number(form.dataset.most)) {
      fail("It is too large.");
      return;
    }
    const again = (text, seconds, times) => {
      percent.textContent = text;
      setTimeout(send, seconds * 1000, { file, row, lost: times });
    };
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = Math.floor((event.loaded / event.total) * 100);
      percent.textContent = `${bar.value} %`;
    });
    request.addEventListener("error", () => {
      if (lost < mostLost) again("the connection was lost, is sent again", pause, lost + 1);
      else fail("The connection was lost. If the service still runs, choose the song again.");
    });
    request.addEventListener("load", () => {
      if (request.status === 503 && request.getResponseHeader("Retry-After")) {
        again("waits for others", Number(request.getResponseHeader("Retry-After")), 0);
        return;
      }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const answer = page.querySelector("#files li");
      if (answer) end(row, ...answer.childNodes);
      else fail(page.querySelector("main .problem[role=alert]")?.textContent || page.body.textContent.trim());
    });
    const data = new FormData();
    data.append("file", file, file.name.replace(/\p{Cc}/gu, "_")); // The form could not be read with them.
    request.send(data);
  };

  const next = () => {
    if (!busy && line.length) {
      busy = true;
      send(line.shift());
    }
    say();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    for (const file of input.files) {
      const row = document.createElement("li");
      row.append(element("span", "name", file.name), " ", element("span", "by", "waits"));
      list.append(row);
      line.push({ file, row });
    }
    form.reset();
    next();
  });

  window.addEventListener("beforeunload", (event) => {
    if (busy) event.preventDefault();
  });
})();
