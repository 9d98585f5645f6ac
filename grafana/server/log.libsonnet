// Rows of the server's dashboard: what the server's log says of sessions, those that are over included.
local p = import '../lib/panels.libsonnet';
local of = p.of;

// What a counter counted within `range`. The first count starts the series, and nothing increases: a younger series counts with its value.
local counted(metric, range) = '(%s unless %s offset %s or increase(%s[%s]))' % [of(metric), of(metric), range, of(metric), range];

[
  {
    title: "The server's log",
    panels: [
      p.stat(
        'Unencrypted, not allowed',
        'Sessions from other machines in the log, within the last window (1 h by default). Unknown: the log collector is off, or cannot count.',
        'sum(%s) or 0 * sum(%s)' % [
          of('pg_tls_logged_unencrypted_clients', 'network="remote",allowed="false"'),
          of('pg_tls_logged_unencrypted_sessions_total'),
        ],
        thresholds=p.bad_from_one,
      ),
      p.stat(
        'Gaps',
        'Times that records were lost, within the last day: sessions among them are not counted.',
        'sum(increase(%s[1d]))' % of('pg_tls_log_gaps_total'),
        thresholds=p.poor_from_one,
      ),
      p.stat(
        'Contradictions',
        'Records of the last day that pg_stat_ssl or the rule of pg_hba.conf contradicts.',
        'sum(increase(%s[1d]))' % of('pg_tls_logged_contradictions_total'),
        thresholds=p.poor_from_one,
      ),
      p.stat(
        'Last record',
        'When the last record that was read was written.',
        'max(%s) * 1000' % of('pg_tls_log_last_record_timestamp_seconds'),
        unit='dateTimeFromNow',
      ),
      p.series(
        'Logged sessions by encryption',
        'Unknown: the client may have forged the record.',
        [p.range('sum by (encryption, network) (increase(%s[$__rate_interval]))' % of('pg_tls_logged_sessions_total'), '{{encryption}} {{network}}')],
        stacked=true,
        width=8,
        height=8,
      ),
      p.table(
        'Logged sessions without encryption',
        'Over TCP, within the last window, however short they were.',
        [p.instant('sum by (user, database, client_addr, application_name, network, allowed) (%s)' % of('pg_tls_logged_unencrypted_clients'))],
        [
          { label: 'user', name: 'user' },
          { label: 'database', name: 'database' },
          { label: 'client_addr', name: 'address' },
          { label: 'application_name', name: 'application' },
          { label: 'network', name: 'network' },
          { label: 'allowed', name: 'allowed' },
          { value: 'A', name: 'sessions' },
        ],
        sort='sessions',
        descending=true,
        width=16,
      ),
      p.table(
        'Refused by pg_hba.conf',
        'Who still tries, within the last day.',
        [p.instant('sum by (user, database, client_addr, encryption, cause) (%s) > 0' % counted('pg_tls_logged_rejections_total', '1d'))],
        [
          { label: 'user', name: 'user' },
          { label: 'database', name: 'database' },
          { label: 'client_addr', name: 'address' },
          { label: 'encryption', name: 'encryption' },
          { label: 'cause', name: 'cause' },
          { value: 'A', name: 'attempts' },
        ],
        sort='attempts',
        descending=true,
        width=10,
      ),
      p.table(
        'Authentications by rule',
        'Which lines of pg_hba.conf admitted anyone, within the last week.',
        [p.instant('sum by (file, line, method) (%s) > 0' % counted('pg_tls_logged_authentications_total', '7d'))],
        [
          { label: 'file', name: 'file' },
          { label: 'line', name: 'line' },
          { label: 'method', name: 'method' },
          { value: 'A', name: 'authentications' },
        ],
        sort='line',
        width=7,
      ),
      p.series(
        'Failed handshakes',
        'TLS handshakes in the log that failed, by reason.',
        [p.range('sum by (reason) (increase(%s[$__rate_interval]))' % of('pg_tls_logged_handshake_failures_total'), '{{reason}}')],
        width=7,
      ),
    ],
  },
]
