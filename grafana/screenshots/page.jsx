// A dashboard, drawn by Grafana's own components in a grid of 24 columns. The pie chart is none of them, and is drawn here.
import { createTheme, dateTime, getFieldDisplayValues } from '@grafana/data';
import { BigValue, PanelChrome, Table, ThemeContext, TimeSeries } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { framesOf, setUp } from './frames.js';

const column = 60;
const row = 38;
const gap = 8;
const theme = createTheme({ colors: { mode: 'light' } });

const displayed = (panel, frames) => getFieldDisplayValues({
  fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text) => text, theme, data: frames, timeZone: 'utc',
});

const Nothing = ({ children }) => <div style={{ color: theme.colors.text.secondary, padding: 16 }}>{children}</div>;

function Stat({ panel, frames, width, height }) {
  const values = displayed(panel, frames);
  const titled = values.length > 1 || panel.options.textMode === 'name';
  return (
    <div style={{ display: 'flex', gap: 4 }}>
      {values.map(({ display }, i) => (
        <BigValue key={i} value={titled ? display : { ...display, title: '' }} theme={theme} width={width / values.length} height={height}
          colorMode={panel.options.colorMode} graphMode="none" justifyMode="auto" textMode={panel.options.textMode} />
      ))}
    </div>
  );
}

function Pie({ panel, frames, height }) {
  const values = displayed(panel, frames).map(({ display }) => display);
  const total = values.reduce((sum, { numeric }) => sum + numeric, 0);
  const radius = height / 2 - 12;
  const length = 2 * Math.PI * radius * 0.75;
  let offset = 0;
  return (
    <div style={{ display: 'flex', gap: 16, alignItems: 'center' }}>
      <svg width={height} height={height}>
        {values.map(({ title, numeric, color }) => {
          const part = total > 0 ? (numeric / total) * length : 0;
          const arc = (
            <circle key={title} cx={height / 2} cy={height / 2} r={radius * 0.75} fill="none" stroke={color} strokeWidth={radius * 0.5}
              strokeDasharray={`${part} ${length - part}`} strokeDashoffset={-offset} />
          );
          offset += part;
          return arc;
        })}
      </svg>
      <div>
        {values.map(({ title, text, color }) => <div key={title}><span style={{ color }}>■</span> {title} {text}</div>)}
      </div>
    </div>
  );
}

function Content({ panel, frames, range, width, height }) {
  if (panel.type === 'stat') return <Stat {...{ panel, frames, width, height }} />;
  if (frames.every((frame) => frame.length === 0)) return <Nothing>{panel.fieldConfig.defaults.noValue ?? 'No data'}</Nothing>;
  if (panel.type === 'table') return <Table data={frames[0]} width={width} height={height} initialSortBy={panel.options.sortBy} cellHeight={panel.options.cellHeight} />;
  if (panel.type === 'piechart') return <Pie {...{ panel, frames, height }} />;
  if (panel.type === 'timeseries') {
    return <TimeSeries frames={frames} structureRev={1} width={width} height={height} timeRange={range} timeZone="utc" legend={panel.options.legend} options={{}} />;
  }
  throw new Error(`no panel of the type ${panel.type} is drawn here`);
}

function Panel({ panel, frames, range }) {
  const { x, y, w, h } = panel.gridPos;
  const place = { position: 'absolute', left: x * column, top: y * row };
  if (panel.type === 'row') return <h3 style={{ ...place, margin: 0 }}>{panel.title}</h3>;
  const width = w * column - gap;
  const height = h * row - gap;
  return (
    <div style={{ ...place, width, height }} data-panel={panel.title}>
      <PanelChrome title={panel.title} width={width} height={height}>
        {(innerWidth, innerHeight) => <Content {...{ panel, frames, range }} width={innerWidth} height={innerHeight} />}
      </PanelChrome>
    </div>
  );
}

function Dashboard({ dashboard, panels, range }) {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <h2 style={{ margin: '12px 0' }}>{dashboard.title}</h2>
      <div style={{ position: 'relative', width: 24 * column, height: bottom * row }}>
        {panels.map(({ panel, frames }) => <Panel key={panel.id} {...{ panel, frames, range }} />)}
      </div>
    </ThemeContext.Provider>
  );
}

// Called by screenshot.mjs; resolves when everything is drawn.
window.draw = async ({ dashboard, from, to, answers }) => {
  setUp();
  const panels = await Promise.all(dashboard.panels.map(async (panel) => ({
    panel, frames: panel.type === 'row' ? [] : await framesOf(panel, answers[panel.id], theme),
  })));
  const range = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };
  document.body.style.cssText = `background:${theme.colors.background.canvas};color:${theme.colors.text.primary};font-family:${theme.typography.fontFamily};font-size:14px;margin:0 20px`;
  createRoot(document.getElementById('root')).render(<Dashboard {...{ dashboard, panels, range }} />);
};
