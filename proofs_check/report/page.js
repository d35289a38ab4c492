/* Filter, sort and copy. The page is complete without this script: it only adds conveniences. */
(function () {
  "use strict";
  var table = document.getElementById("page-table");
  var form = document.getElementById("page-filter");
  var rows = table ? Array.prototype.slice.call(table.tBodies[0].rows) : [];

  function matches(row, text, paper, verdict) {
    var words = (row.dataset.text + " " + row.cells[0].textContent).toLowerCase();
    return text.split(/\s+/).every(function (word) { return words.indexOf(word) >= 0; })
      && (!paper || row.dataset.paper === paper)
      && (!verdict || (verdict === "-red" ? row.dataset.green === "no" : row.dataset.verdict === verdict));
  }

  function filter() {
    var text = form.elements.text.value.trim().toLowerCase();
    var shown = 0;
    rows.forEach(function (row) {
      row.hidden = !matches(row, text, form.elements.paper.value, form.elements.verdict.value);
      if (!row.hidden) { shown += 1; }
    });
    form.querySelector("output").textContent = shown + " of " + rows.length + " claims";
  }

  function compare(a, b, numeric) {
    if (!numeric) { return a.localeCompare(b, "en", { numeric: true }); }
    if (a === "" || b === "") { return (a === "") - (b === ""); }
    return parseFloat(a) - parseFloat(b);
  }

  function sort(header, column) {
    var down = header.getAttribute("aria-sort") === "ascending";
    var numeric = header.dataset.sort === "number";
    Array.prototype.forEach.call(header.parentNode.cells, function (cell) { cell.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.slice().sort(function (one, two) {
      var a = one.cells[column].dataset.value, b = two.cells[column].dataset.value;
      if (numeric && (a === "" || b === "")) { return compare(a, b, true); }
      return (down ? -1 : 1) * compare(a, b, numeric);
    }).forEach(function (row) { table.tBodies[0].appendChild(row); });
  }

  if (form && rows.length > 1) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    filter();
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (header, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.textContent = "";
      header.appendChild(button);
      button.addEventListener("click", function () { sort(header, column); });
    });
  }

  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  Array.prototype.forEach.call(document.querySelectorAll("button.copy"), function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      var code = button.parentNode.querySelector("code");
      function say(word) {
        button.textContent = word;
        window.setTimeout(function () { button.textContent = "Copy"; }, 1500);
      }
      function fallback() {
        select(code);
        say(document.execCommand("copy") ? "Copied" : "Selected");
      }
      if (navigator.clipboard) {
        navigator.clipboard.writeText(code.textContent).then(function () { say("Copied"); }, fallback);
      } else { fallback(); }
    });
  });

  /* A link to something inside a closed part opens it, and paper has no triangles to click. */
  window.addEventListener("beforeprint", function () {
    Array.prototype.forEach.call(document.querySelectorAll("details"), function (item) { item.open = true; });
  });
}());
