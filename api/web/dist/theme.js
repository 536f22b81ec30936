// Sets the chosen theme and language before the first paint. A file of its own, because inline scripts are refused.
;(() => {
  try {
    const look = JSON.parse(localStorage.getItem('darkroom.look') || '{}').state || {}
    if (look.theme === 'dark' || look.theme === 'light') document.documentElement.dataset.theme = look.theme
    if (look.language) document.documentElement.lang = look.language
  } catch {
    // A broken store is no reason to show nothing.
  }
})()
