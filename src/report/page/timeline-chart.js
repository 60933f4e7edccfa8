/** @import { Entry, Machine } from '../model.js' */
import { element } from './element.js'
import { duration, moment } from './format.js'

const LARGEST_ZOOM = 256
/** Rows of a lane for what happens at the same time. */
const MOST_ROWS = 5
/** Room that the words of a tick take. */
const LABEL_PX = 56
const MOST_BARS = 3000

/**
 * All machines of a test on one axis of time. What it shows is in the list below it too, so it is only for the eye.
 * @param {readonly Machine[]} machines
 * @param {number} testDuration in ms
 * @param {(entry: Entry) => void} onChoose
 */
export function timelineChart(machines, testDuration, onChoose) {
  const entries = machines.flatMap((machine) => machine.entries)
  const start = Math.min(0, ...entries.map(({ at }) => at))
  const end = Math.max(testDuration, 1, ...entries.map(({ at, durationMs = 0 }) => at + durationMs))
  const span = end - start
  /** @param {number} at */
  const place = (at) => ((at - start) / span) * 100

  const axis = element('div', { class: 'axis' })
  const lanes = machines.map((machine) => lane(machine, place, onChoose))
  const shade = element('div', { class: 'shade' })
  shade.style.left = `${place(0)}%`
  shade.style.width = `${place(testDuration) - place(0)}%`
  const track = element('div', { class: 'track' }, shade, axis, ...lanes)
  const scroller = element('div', { class: 'scroller' }, track)
  const labels = element('div', { class: 'labels' }, ...machines.map(({ name }, index) => label(name, lanes[index])))

  let zoom = 1
  const drawAxis = () => axis.replaceChildren(...ticks(start, span, scroller.clientWidth * zoom || 800, place))
  /** @param {number} factor @param {number} [centre] part of the visible width that stays where it is */
  const zoomBy = (factor, centre = 0.5) => {
    const before = (scroller.scrollLeft + centre * scroller.clientWidth) / (scroller.clientWidth * zoom)
    zoom = Math.min(LARGEST_ZOOM, Math.max(1, zoom * factor))
    track.style.width = `${zoom * 100}%`
    scroller.scrollLeft = before * scroller.clientWidth * zoom - centre * scroller.clientWidth
    drawAxis()
  }
  scroller.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const { left, width } = scroller.getBoundingClientRect()
      zoomBy(event.deltaY < 0 ? 1.25 : 0.8, (event.clientX - left) / width)
    },
    { passive: false },
  )
  new ResizeObserver(drawAxis).observe(scroller)

  /** @param {string} text @param {string} name @param {() => void} onclick */
  const control = (text, name, onclick) =>
    element('button', { type: 'button', 'aria-label': name, title: name, onclick }, text)
  return element(
    'div',
    { class: 'chart' },
    element(
      'div',
      { class: 'zoom', role: 'group', 'aria-label': 'Zoom of the timeline' },
      control('−', 'Zoom out', () => zoomBy(0.5)),
      control('+', 'Zoom in (or Ctrl and the wheel)', () => zoomBy(2)),
      control('Fit', 'Show the whole test', () => zoomBy(0)),
    ),
    element('div', { class: 'lanes', 'aria-hidden': 'true' }, labels, scroller),
  )
}

/** @param {string} name @param {HTMLElement | undefined} beside */
function label(name, beside) {
  const made = element('div', { class: 'label', title: name }, name)
  made.style.height = beside?.style.height ?? ''
  return made
}

/** @param {Machine} machine @param {(at: number) => number} place @param {(entry: Entry) => void} onChoose */
function lane({ entries }, place, onChoose) {
  /** End of the last bar of each row, in percent. */
  const rows = /** @type {number[]} */ ([])
  const bars = entries.slice(0, MOST_BARS).map((entry) => {
    const { kind, at, durationMs = 0, title, failed } = entry
    const bar = element('div', {
      class: `bar kind-${kind}${failed ? ' failed' : ''}`,
      title: `${moment(at)}  ${title.slice(0, 300)}${durationMs ? `  (${duration(durationMs)})` : ''}`,
      onclick: () => onChoose(entry),
    })
    const left = place(at)
    bar.style.left = `${left}%`
    bar.style.width = `${place(at + durationMs) - left}%`
    if (kind === 'console') return bar
    let row = rows.findIndex((taken) => taken <= left)
    if (row < 0) row = rows.length < MOST_ROWS ? rows.length : MOST_ROWS - 1
    rows[row] = Math.max(place(at + durationMs), left + 0.4)
    bar.style.top = `${10 + row * 16}px`
    return bar
  })
  const made = element('div', { class: 'lane' }, ...bars)
  made.style.height = `${Math.max(1, rows.length) * 16 + 14}px`
  return made
}

/** @param {number} start @param {number} span in ms @param {number} width in px @param {(at: number) => number} place */
function ticks(start, span, width, place) {
  const step = roundStep((span / width) * 110)
  const made = []
  for (let at = Math.ceil(start / step) * step; at <= start + span; at += step) {
    // At the very end there is no room for words.
    const room = ((start + span - at) / span) * width
    const tick = element('span', { class: 'tick' }, room < LABEL_PX ? '' : tickLabel(at, step))
    tick.style.left = `${place(at)}%`
    made.push(tick)
  }
  return made
}

/** 1, 2 or 5 of a power of ten.
 * @param {number} atLeast
 */
function roundStep(atLeast) {
  const power = 10 ** Math.floor(Math.log10(atLeast))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= atLeast) ?? 10 * power
}

/** @param {number} at @param {number} step */
function tickLabel(at, step) {
  if (step >= 1000) return `${Math.round(at / 1000)} s`
  if (step >= 100) return `${(at / 1000).toFixed(1)} s`
  return step >= 1 ? `${Math.round(at)} ms` : `${at.toFixed(1)} ms`
}
