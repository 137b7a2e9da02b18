(function () {
  "use strict";
  var reload = function () { location.reload(); };
  var onward = document.getElementById("onward");
  if (onward) {
    setTimeout(function () { location.replace(onward.href); }, 2500);
    return;
  }
  var wait = document.getElementById("wait");
  if (!wait) { return; }
  if (!window.EventSource) { setTimeout(reload, 5000); return; }
  var source = new EventSource(wait.getAttribute("data-events"));
  source.addEventListener("changed", function () { source.close(); reload(); });
  source.onerror = function () {
    if (source.readyState === EventSource.CLOSED) { setTimeout(reload, 5000); }
  };
  setTimeout(reload, Number(wait.getAttribute("data-minutes")) * 60000 + 2000);
})();
