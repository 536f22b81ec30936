// Looks at the gallery, the viewer and the rack in a real browser, and prints what it saw as JSON: a check a line.
// node gallery.mjs <address of the API> <folder for screenshots>
import fs from 'node:fs'
import { createRequire } from 'node:module'

const [address, shots] = process.argv.slice(2)
const require = createRequire(new URL('../../api/web/package.json', import.meta.url))
const { chromium } = require('playwright-core')
const AXE = require.resolve('axe-core/axe.min.js')
/** A machine that is busy with other things takes its time. */
const LIMIT_MS = 20_000
const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
fs.mkdirSync(shots, { recursive: true })

const told = (check, seen) => console.log(JSON.stringify({ check, ...seen }))
const total = async page => (await (await page.request.get(`${address}/v1/assets?limit=1`)).json()).total
const trouble = []

async function opened(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...options })
  await context.addInitScript(() => {
    window.violations = []
    document.addEventListener('securitypolicyviolation', event => window.violations.push(event.violatedDirective))
  })
  const page = await context.newPage()
  page.setDefaultTimeout(LIMIT_MS)
  page.on('pageerror', error => trouble.push(error.message))
  page.on('dialog', dialog => trouble.push(`dialog: ${dialog.message()}`) && dialog.dismiss())
  await page.goto(`${address}/ui${path}`)
  return page
}

const tile = '[role=gridcell][data-id]'
const gridOf = page => page.locator(`${tile} img`).first().waitFor()
const scrolled = (page, to) =>
  page.evaluate(share => {
    const scroller = document.querySelector('[role=grid]').parentElement
    scroller.scrollTop = share * scroller.scrollHeight
  }, to)
const tops = page =>
  page.evaluate(selector => Object.fromEntries([...document.querySelectorAll(selector)].map(each => [each.dataset.id, Math.round(each.getBoundingClientRect().top)])), tile)

async function scrolling() {
  const page = await opened('/gallery')
  await gridOf(page)
  const tiles = []
  for (const to of [0.1, 0.3, 0.5, 0.7, 0.9]) {
    await scrolled(page, to)
    await page.waitForTimeout(150)
    tiles.push(await page.locator(tile).count())
  }
  await scrolled(page, 0.5)
  await page.waitForFunction(selector => document.querySelectorAll(selector).length > 5, tile)
  await page.waitForTimeout(1500)
  const before = await tops(page)
  await page.waitForTimeout(1500)
  const after = await tops(page)
  const same = Object.keys(before).filter(id => id in after)
  await page.getByRole('slider').focus()
  await page.keyboard.press('End')
  await page.waitForTimeout(1500)
  const last = await page.locator('h2').last().innerText()
  told('scrolling', { most_tiles: Math.max(...tiles), shared: same.length, moved: same.filter(id => before[id] !== after[id]).length, last })
  await page.context().close()
}

async function choosing() {
  const page = await opened('/gallery')
  await gridOf(page)
  const before = await total(page)
  await page.locator(`${tile}[tabindex="0"]`).focus()
  await page.keyboard.press('x')
  for (let step = 0; step < 3; step += 1) await page.keyboard.press('Shift+ArrowRight')
  await page.waitForTimeout(300)
  const chosen = await page.locator('[role=gridcell][aria-selected=true]').count()
  await page.keyboard.press('Delete')
  await page.waitForFunction(() => !document.querySelector('[role=gridcell][aria-selected=true]'))
  const during = await total(page)
  await page.keyboard.press('u')
  await page.getByText('are as before').waitFor()
  told('choosing', { chosen, before, during, after: await total(page) })
  await page.context().close()
}

async function byKeyboard() {
  const page = await opened('/gallery')
  await gridOf(page)
  let presses = 0
  for (; presses < 40; presses += 1) {
    if (await page.evaluate(() => document.activeElement?.matches('[role=gridcell]'))) break
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  await page.waitForTimeout(300)
  const id = await page.evaluate(() => document.activeElement?.dataset.id)
  const rated = page.waitForResponse(answer => answer.request().method() === 'PATCH')
  await page.keyboard.press('4')
  await rated
  const stars = (await (await page.request.get(`${address}/v1/assets/${id}`)).json()).stars
  await page.keyboard.press('Enter')
  await page.locator('[data-stage] img').first().waitFor()
  const shown = new URL(page.url()).pathname.split('/').at(-1)
  await page.waitForTimeout(500)
  await page.keyboard.press('ArrowRight')
  await page.waitForFunction(was => !location.pathname.endsWith(was), shown)
  const next = new URL(page.url()).pathname.split('/').at(-1)
  await page.waitForTimeout(500)
  await page.keyboard.press('Escape')
  await page.waitForFunction(wanted => document.activeElement?.dataset?.id === wanted, next, { timeout: 8000 }).catch(() => undefined)
  const back = await page.evaluate(() => document.activeElement?.dataset?.id)
  told('keyboard', { presses, stars, opened: shown === id, came_back: back === next })
  await page.context().close()
}

async function hostile() {
  const page = await opened('/gallery')
  await gridOf(page)
  for (let place = 0; place < 4; place += 1) {
    await page.locator(`${tile}[data-place="${place}"]`).click()
    await page.locator('[data-stage] img').first().waitFor()
    await page.waitForTimeout(300)
    await page.keyboard.press('Escape')
    await gridOf(page)
  }
  told('hostile', { title: await page.title(), violations: await page.evaluate(() => window.violations), injected: await page.locator('img[onerror], svg[onload]').count() })
  await page.context().close()
}

async function phone() {
  const page = await opened('/gallery', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  await gridOf(page)
  await page.waitForTimeout(500)
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  const tops = await page.locator(tile).evaluateAll(all => all.map(each => Math.round(each.getBoundingClientRect().top)))
  await page.screenshot({ path: `${shots}/gallery-phone.png` })
  await page.locator(tile).nth(1).tap()
  await page.locator('[data-stage] img').first().waitFor()
  await page.screenshot({ path: `${shots}/viewer-phone.png` })
  told('phone', { overflow, beside: tops.filter(top => top === tops[0]).length })
  await page.context().close()
}

async function accessible() {
  const found = {}
  for (const colorScheme of ['dark', 'light']) {
    const page = await opened('/gallery', { bypassCSP: true, colorScheme, reducedMotion: 'reduce' })
    const first = (await (await page.request.get(`${address}/v1/assets?limit=1`)).json()).assets[0].id
    for (const [name, path] of Object.entries({ gallery: '/gallery', viewer: `/picture/${first}`, albums: '/albums', trash: '/trash', duplicates: '/duplicates', rack: '/rack' })) {
      await page.goto(`${address}/ui${path}`)
      await page.waitForTimeout(1500)
      await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png` })
      await page.addScriptTag({ path: AXE })
      const seen = await page.evaluate(async rules => (await window.axe.run(document, { runOnly: rules })).violations.map(each => `${each.id}: ${each.nodes[0].html.slice(0, 120)}`), RULES)
      if (seen.length) found[`${name} ${colorScheme}`] = seen
    }
    await page.context().close()
  }
  told('accessible', { found })
}

for (const check of [scrolling, choosing, byKeyboard, hostile, phone, accessible]) {
  await check().catch(error => told(check.name, { error: String(error).slice(0, 600) }))
}
told('trouble', { trouble })
await browser.close()
