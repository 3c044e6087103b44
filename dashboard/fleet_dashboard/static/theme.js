// Owns the theme: the stored choice, else what the system asks for. A classic script in the head, so that
// the first paint already has the right colours. Never touches anything but <html data-theme>.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    document.documentElement.dataset.theme = stored() || (dark.matches ? "dark" : "light");
    dispatchEvent(new Event("themechange"));
  };
  dark.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      // Choosing what the system asks for anyway means following the system again.
      const follows = next === (dark.matches ? "dark" : "light");
      try {
        follows ? localStorage.removeItem("theme") : localStorage.setItem("theme", next);
      } catch {
        /* private mode */
      }
      document.documentElement.dataset.theme = next;
      dispatchEvent(new Event("themechange"));
    });
  });
  apply();
})();
