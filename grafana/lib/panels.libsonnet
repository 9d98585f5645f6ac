// The few kinds of panels that the dashboards are made of. Grafana 10 to 13 read what they render to (schemaVersion 38).
//
// A panel is {title, description, width, height, …}; dashboard() lays the panels of each row out, numbers them, and gives all of
// them the data source variable.
local datasource = { type: 'prometheus', uid: '${datasource}' };

local steps(levels) = {
  mode: 'absolute',
  steps: [{ color: level[1], value: level[0] } for level in levels],
};

local mapping(values) = [{
  type: 'value',
  options: {
    [value]: { text: values[value][0], color: values[value][1], index: 0 }
    for value in std.objectFields(values)
  },
}];

// Without a value the base color would show, which is green where few are good.
local not_known(text) = [{
  type: 'special',
  options: { match: 'null+nan', result: { text: text, color: 'purple', index: 0 } },
}];

{
  // Thresholds, from the base color (value null) upward.
  plain: steps([[null, 'blue']]),
  bad_from_one: steps([[null, 'green'], [1, 'red']]),
  poor_from_one: steps([[null, 'green'], [1, 'orange']]),
  // Of a time that is left.
  over: steps([[null, 'red'], [0, 'blue']]),
  list_left: steps([[null, 'red'], [0, 'orange'], [2 * 86400, 'green']]),
  exemption_left: steps([[null, 'red'], [0, 'orange'], [14 * 86400, 'green']]),
  share: steps([[null, 'red'], [0.95, 'orange'], [1, 'green']]),

  // What ending() returns.
  ending_in_words: mapping({ '0': ['fine', 'green'], '1': ['expiring', 'orange'], '2': ['expires soon', 'red'], '3': ['expired', 'red'] }),
  // 0 and 1 as words, with the color of what is good.
  yes_is_good: mapping({ '0': ['no', 'red'], '1': ['yes', 'green'] }),
  yes_is_bad: mapping({ '0': ['no', 'green'], '1': ['yes', 'red'] }),
  yes_is_neutral: mapping({ '0': ['no', 'text'], '1': ['yes', 'text'] }),

  // The metric `name` for the chosen exporters and servers.
  of(name, matchers=''):: '%s{job=~"$job",instance=~"$instance",server=~"$server"%s}' % [
    name,
    if matchers == '' then '' else ',' + matchers,
  ],
  // A metric of the exporter itself. Every target of Prometheus has `up`, and many have `process_…`: the exporters are those whose job
  // has the name that the rules look for.
  exporter(name):: '%s{%sjob=~"$job",instance=~"$instance"}' % [
    name,
    if std.startsWith(name, 'pg_tls_') then '' else 'job=~"pg_tls.*",',
  ],

  // How near the end of each certificate is, as the alerts judge it: a share of the lifetime, within limits. Without a beginning, the
  // upper limits.
  ending(ends, begins)::
    local limit(part, longest_days) = '(clamp((%s - %s) / %d, 12 * 3600, %d * 86400) or 0 * %s + %d * 86400)' % [
      ends,
      begins,
      part,
      longest_days,
      ends,
      longest_days,
    ];
    '(%s - time() < bool %s) + (%s - time() < bool %s) + (%s - time() <= bool 0)' % [ends, limit(3, 30), ends, limit(10, 7), ends],
  // The same of the certificates that verifications depend on.
  certificate_ending(matchers='')::
    '(%s) unless on (job, instance, server, source, role, path, position, host) %s' % [
      $.ending(
        $.of('pg_tls_certificate_not_after_timestamp_seconds', matchers),
        $.of('pg_tls_certificate_not_before_timestamp_seconds', matchers),
      ),
      $.of('pg_tls_certificate_unneeded_info'),
    ],
  client_certificate_ending()::
    $.ending($.of('pg_tls_client_certificate_not_after_timestamp_seconds'), $.of('pg_tls_client_certificate_not_before_timestamp_seconds')),

  range(expr, legend):: { expr: expr, legendFormat: legend },
  instant(expr, legend=''):: { expr: expr, legendFormat: legend, instant: true, range: false, format: 'table' },

  local panel(type, title, description, width, height, targets) = {
    type: type,
    title: title,
    description: description,
    datasource: datasource,
    width:: width,
    height:: height,
    targets: [
      targets[i] { refId: std.char(std.codepoint('A') + i), datasource: datasource, editorMode: 'code' }
      for i in std.range(0, std.length(targets) - 1)
    ],
  },

  stat(title, description, expr, unit='none', thresholds=$.plain, mappings=[], no_value='unknown', width=4, height=4)::
    panel('stat', title, description, width, height, [{ expr: expr, legendFormat: '', instant: true, range: false }]) {
      fieldConfig: {
        defaults: {
          unit: unit,
          thresholds: thresholds,
          mappings: mappings + not_known(no_value),
          color: { mode: 'thresholds' },
          noValue: no_value,
        },
        overrides: [],
      },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        colorMode: 'background',
        graphMode: 'none',
        textMode: 'auto',
        justifyMode: 'auto',
        orientation: 'auto',
      },
    },

  // An exporter that is down takes its servers out of every other panel: what these count is then counted without them.
  exporters_down(width=4)::
    $.stat(
      'Exporters down',
      'Exporters (with /sd or /probe: targets) that Prometheus cannot scrape. Their servers are in no other figure: unless this is '
      + '0, a 0 beside it is not an all-clear.',
      'count(%s == 0) or 0 * count(%s)' % [$.exporter('up'), $.exporter('up')],
      thresholds=$.bad_from_one,
      width=width,
    ),

  // Labels of one series as text: for *_info metrics.
  words(title, description, expr, legend, width=4, height=4)::
    panel('stat', title, description, width, height, [{ expr: expr, legendFormat: legend, instant: true, range: false }]) {
      fieldConfig: {
        defaults: { unit: 'none', thresholds: $.plain, mappings: [], color: { mode: 'thresholds' }, noValue: 'unknown' },
        overrides: [],
      },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        colorMode: 'none',
        graphMode: 'none',
        textMode: 'name',
        justifyMode: 'auto',
        orientation: 'horizontal',
      },
    },

  series(title, description, targets, unit='short', stacked=false, width=12, height=8)::
    panel('timeseries', title, description, width, height, targets) {
      fieldConfig: {
        defaults: {
          unit: unit,
          min: 0,
          color: { mode: 'palette-classic' },
          thresholds: $.plain,
          mappings: [],
          custom: {
            drawStyle: 'line',
            lineWidth: 1,
            fillOpacity: if stacked then 40 else 10,
            showPoints: 'never',
            spanNulls: false,
            stacking: { mode: if stacked then 'normal' else 'none', group: 'A' },
          },
        },
        overrides: [],
      },
      options: {
        legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // Shares of a whole at this moment.
  pie(title, description, expr, legend, width=6, height=8)::
    panel('piechart', title, description, width, height, [{ expr: expr, legendFormat: legend, instant: true, range: false }]) {
      fieldConfig: {
        defaults: { unit: 'short', color: { mode: 'palette-classic' }, mappings: [] },
        overrides: [],
      },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        pieType: 'donut',
        displayLabels: ['percent'],
        legend: { displayMode: 'table', placement: 'right', showLegend: true, values: ['value'], calcs: [] },
        tooltip: { mode: 'single', sort: 'none' },
      },
    },

  // A row for each label set. `columns` are the columns in their order:
  //   {label: 'user', name: 'user'}                               a label
  //   {value: 'A', name: 'left', unit: 's', thresholds, mappings}  the value of the query with that refId
  // What is not named is not shown.
  table(title, description, targets, columns, sort=null, descending=false, width=24, height=8)::
    local field(column) =
      if std.objectHas(column, 'label') then column.label
      else if std.length(targets) == 1 then 'Value'
      else 'Value #' + column.value;
    panel('table', title, description, width, height, targets) {
      fieldConfig: {
        defaults: { custom: { align: 'auto', filterable: true, inspect: false }, thresholds: $.plain, mappings: [] },
        overrides: [
          {
            matcher: { id: 'byName', options: column.name },
            properties:
              (if std.objectHas(column, 'unit') then [{ id: 'unit', value: column.unit }] else [])
              + (if std.objectHas(column, 'decimals') then [{ id: 'decimals', value: column.decimals }] else [])
              + (if std.objectHas(column, 'mappings') then [
                   { id: 'mappings', value: column.mappings },
                   { id: 'custom.cellOptions', value: { type: 'color-text' } },
                 ] else [])
              + (if std.objectHas(column, 'thresholds') then [
                   { id: 'thresholds', value: column.thresholds },
                   { id: 'custom.cellOptions', value: { type: 'color-background', mode: 'basic' } },
                 ] else [])
              + (if std.objectHas(column, 'link') then [{ id: 'links', value: [column.link] }] else []),
          }
          for column in columns
          if std.length(std.setInter(std.objectFields(column), ['decimals', 'link', 'mappings', 'thresholds', 'unit'])) > 0
        ],
      },
      options: {
        showHeader: true,
        cellHeight: 'sm',
        sortBy: if sort == null then [] else [{ displayName: sort, desc: descending }],
      },
      transformations:
        (if std.length(targets) > 1 then [{ id: 'merge', options: {} }] else []) + [
          // Keeps the columns, in this order, under these names.
          { id: 'filterFieldsByName', options: { include: { names: [field(column) for column in columns] } } },
          {
            id: 'organize',
            options: {
              excludeByName: {},
              indexByName: { [field(columns[i])]: i for i in std.range(0, std.length(columns) - 1) },
              renameByName: { [field(column)]: column.name for column in columns },
            },
          },
        ],
    },

  // From a table's row to the dashboard of its server.
  to_server:: {
    title: 'Server',
    url: '/d/pg-tls-server?var-server=${__data.fields.server}&${datasource:queryparam}&${__url_time_range}',
  },

  local query_variable(name, label, query, multi) = {
    type: 'query',
    name: name,
    label: label,
    datasource: datasource,
    query: { query: query, refId: 'variable' },
    refresh: 2,
    sort: 1,
    multi: multi,
    includeAll: multi,
    [if multi then 'allValue']: '.*',
    current: if multi then { selected: true, text: ['All'], value: ['$__all'] } else { selected: false, text: '', value: '' },
    options: [],
    hide: 0,
    regex: '',
    skipUrlSync: false,
  },

  local dashboards = [['pg-tls-fleet', 'Fleet'], ['pg-tls-server', 'Server'], ['pg-tls-certificates', 'Certificates'], ['pg-tls-evidence', 'Evidence']],

  // rows: [{title, panels}]. one_server: the variable `server` holds one name.
  dashboard(uid, title, description, rows, one_server=false):: {
    // Left to right, a new line where the next panel does not fit; every panel of a line has the height of its first.
    local place(state, item) =
      local fits = state.x + item.width <= 24;
      local x = if fits then state.x else 0;
      local y = if fits then state.y else state.y + state.height;
      local height = if x == 0 then item.height else state.height;
      {
        x: x + item.width,
        y: y,
        height: height,
        done: state.done + [item {
          id: std.length(state.done) + 1,
          gridPos: { x: x, y: y, w: item.width, h: if x == 0 then item.height else height },
        }],
      },
    local items = std.flattenArrays([
      [{ type: 'row', title: row.title, collapsed: false, panels: [], width:: 24, height:: 1 }] + row.panels
      for row in rows
    ]),

    uid: uid,
    title: 'PostgreSQL TLS / ' + title,
    description: description,
    tags: ['postgresql', 'tls'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    timezone: '',
    fiscalYearStartMonth: 0,
    annotations: { list: [] },
    links: [
      {
        type: 'link',
        title: other[1],
        url: '/d/' + other[0],
        icon: 'dashboard',
        tooltip: '',
        tags: [],
        asDropdown: false,
        targetBlank: false,
        includeVars: true,
        keepTime: true,
      }
      for other in dashboards
      if other[0] != uid
    ],
    templating: {
      list: [
        {
          type: 'datasource',
          name: 'datasource',
          label: 'Data source',
          query: 'prometheus',
          current: { selected: false, text: 'default', value: 'default' },
          options: [],
          hide: 0,
          includeAll: false,
          multi: false,
          refresh: 1,
          regex: '',
          skipUrlSync: false,
        },
        query_variable('job', 'Job', 'label_values(pg_tls_collector_success, job)', true),
        query_variable('instance', 'Exporter', 'label_values(pg_tls_collector_success{job=~"$job"}, instance)', true),
        query_variable(
          'server', 'Server', 'label_values(pg_tls_collector_success{job=~"$job",instance=~"$instance"}, server)', !one_server
        ),
      ],
    },
    panels: std.foldl(place, items, { x: 0, y: 0, height: 0, done: [] }).done,
  },
}
