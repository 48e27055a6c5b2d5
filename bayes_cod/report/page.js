"use strict";
(function () {
  var number = /[-\u2212]?\d[\d,]*(\.\d+)?/;

  function plain(cell) { return cell.textContent.replace(/\s+/g, " ").trim(); }

  function value(cell) {
    if (cell.dataset.v !== undefined) { return parseFloat(cell.dataset.v); }
    var found = plain(cell).match(number);
    return found ? parseFloat(found[0].replace(/,/g, "").replace("\u2212", "-")) : NaN;
  }

  function compare(a, b, numeric) {
    if (!numeric) { return plain(a).localeCompare(plain(b), undefined, { numeric: true }); }
    var x = value(a), y = value(b);
    if (isNaN(x) || isNaN(y)) { return isNaN(x) - isNaN(y); }
    return x - y;
  }

  function sort(table, column, direction) {
    var heads = table.tHead.rows[0].cells, numeric = heads[column].classList.contains("n");
    Array.prototype.forEach.call(heads, function (head, index) {
      head.setAttribute("aria-sort", index === column ? direction : "none");
    });
    var sign = direction === "ascending" ? 1 : -1;
    Array.prototype.forEach.call(table.tBodies, function (body) {
      var rows = Array.prototype.filter.call(body.rows, function (row) { return !row.classList.contains("group"); });
      rows.sort(function (a, b) {
        var first = a.cells[column], second = b.cells[column];
        var missing = numeric ? isNaN(value(first)) - isNaN(value(second)) : 0;
        return missing || sign * compare(first, second, numeric);
      });
      rows.forEach(function (row) { body.appendChild(row); });
    });
  }

  function filter(table, text, status) {
    var words = text.toLowerCase().split(/\s+/).filter(Boolean), shown = 0, all = 0;
    Array.prototype.forEach.call(table.tBodies, function (body) {
      var group = body.querySelector("tr.group"), left = 0;
      Array.prototype.forEach.call(body.rows, function (row) {
        if (row === group) { return; }
        var held = ((group ? plain(group) + " " : "") + plain(row)).toLowerCase();
        row.hidden = !words.every(function (word) { return held.indexOf(word) >= 0; });
        all += 1;
        left += row.hidden ? 0 : 1;
      });
      body.hidden = left === 0;
      shown += left;
    });
    status.textContent = words.length ? shown + " of " + all + " rows" : "";
  }

  function quoted(text, numeric) {
    if (!numeric && /^[=+@\t\r-]/.test(text)) { text = "'" + text; }
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  function csv(table) {
    var heads = Array.prototype.map.call(table.tHead.rows[0].cells, function (head) { return head.dataset.label; });
    var numeric = Array.prototype.map.call(table.tHead.rows[0].cells, function (head) {
      return head.classList.contains("n");
    });
    var grouped = table.querySelector("tr.group") !== null;
    var lines = [(grouped ? ["group"] : []).concat(heads).map(function (text) { return quoted(text, false); })];
    Array.prototype.forEach.call(table.tBodies, function (body) {
      var group = body.querySelector("tr.group");
      Array.prototype.forEach.call(body.rows, function (row) {
        if (row === group || row.hidden || body.hidden) { return; }
        var cells = Array.prototype.map.call(row.cells, function (cell, index) {
          return quoted(cell.dataset.v !== undefined ? cell.dataset.v : plain(cell), numeric[index]);
        });
        lines.push((grouped ? [quoted(group ? plain(group) : "", false)] : []).concat(cells));
      });
    });
    return lines.map(function (cells) { return cells.join(","); }).join("\r\n") + "\r\n";
  }

  function make(tag, properties, parent) {
    var element = Object.assign(document.createElement(tag), properties);
    parent.appendChild(element);
    return element;
  }

  function equip(table) {
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    var tools = document.createElement("div");
    tools.className = "tools";
    heads.forEach(function (head, column) {
      var label = head.dataset.label;
      head.textContent = "";
      var button = make("button", { type: "button", className: "sort", textContent: label }, head);
      button.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") === "ascending";
        sort(table, column, up ? "descending" : "ascending");
      });
    });
    var name = table.caption ? plain(table.caption) : table.getAttribute("aria-label");
    if (table.querySelectorAll("tbody tr").length > 5) {
      var search = make("input", { type: "search", placeholder: "Filter rows", autocomplete: "off" }, tools);
      search.setAttribute("aria-label", "Filter rows: " + name);
      var choice = make("select", { className: "sort-by" }, tools);
      choice.setAttribute("aria-label", "Sort rows: " + name);
      make("option", { value: "", textContent: "Sort by \u2026" }, choice);
      heads.forEach(function (head, column) {
        make("option", { value: column + " ascending", textContent: head.dataset.label + " \u2191" }, choice);
        make("option", { value: column + " descending", textContent: head.dataset.label + " \u2193" }, choice);
      });
      choice.addEventListener("change", function () {
        if (choice.value) { sort(table, parseInt(choice.value, 10), choice.value.split(" ")[1]); }
      });
      var status = make("span", { className: "status" }, tools);
      status.setAttribute("role", "status");
      search.addEventListener("input", function () { filter(table, search.value, status); });
    }
    var save = make("button", { type: "button", className: "save", textContent: "CSV" }, tools);
    save.setAttribute("aria-label", "Download as CSV: " + name);
    save.addEventListener("click", function () {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(["\ufeff" + csv(table)], { type: "text/csv;charset=utf-8" }));
      link.download = table.dataset.file + ".csv";
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    });
    table.parentNode.parentNode.insertBefore(tools, table.parentNode);
  }

  Array.prototype.forEach.call(document.querySelectorAll("table[data-file]"), equip);

  function reveal() {
    var place = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var folded = place && place.querySelector("details");
    if (folded) { folded.open = true; }
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.filter.call(document.querySelectorAll("details"), function (part) { return !part.open; });
    opened.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (part) { part.open = false; });
  });

  var tip = make("div", { id: "tip", hidden: true }, document.body);
  tip.setAttribute("role", "status");
  document.addEventListener("click", function (event) {
    var mark = event.target.closest ? event.target.closest("g.tip") : null;
    tip.hidden = !mark;
    if (mark) {
      tip.textContent = mark.querySelector("title").textContent;
      tip.style.left = Math.max(8, Math.min(event.clientX + 8, innerWidth - tip.offsetWidth - 8)) + "px";
      tip.style.top = Math.max(8, event.clientY - tip.offsetHeight - 10) + "px";
    }
  });
  document.addEventListener("scroll", function () { tip.hidden = true; }, { passive: true });
}());
