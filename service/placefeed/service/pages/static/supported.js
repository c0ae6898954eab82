// Runs before the page is drawn: components that need scripts show themselves only when there are some.
document.body.classList.add("js-enabled");
if ("noModule" in HTMLScriptElement.prototype) document.body.classList.add("govuk-frontend-supported");
