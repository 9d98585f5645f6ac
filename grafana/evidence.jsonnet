// The time range of the dashboard as evidence: what was observed, who was unencrypted, and where nobody looked.
local p = import 'lib/panels.libsonnet';
local of = p.of;

local on = 'on (job, instance, server)';
local sessions = 'collector="sessions"';
// 1 while all sessions of a server are known, as the recording rule server:pg_tls_observed:bool has it.
local observed = std.join(' ', [
  'max by (server) (',
  '(%s == 1)' % of('pg_tls_up'),
  'and %s (%s == 1)' % [on, of('pg_tls_collector_success', sessions)],
  'and %s (time() - %s <= on (job, instance, server, collector) 3 * %s)' % [
    on,
    of('pg_tls_collector_last_success_timestamp_seconds', sessions),
    of('pg_tls_collector_interval_seconds', sessions),
  ],
  'unless %s %s' % [on, of('pg_tls_collector_incomplete_info', sessions + ',part=~"encryption|processes"')],
  'and %s %s' % [on, of('pg_tls_unencrypted_sessions_total')],
  ')',
]);
// Each server that there was in the range.
local servers = 'group by (server) (present_over_time(%s[$__range]))' % of('pg_tls_up');
// Of the range, by server; 0 for one that was never observed.
local share = '(count_over_time(%s[$__range:1m]) or 0 * %s) / scalar(count_over_time(vector(1)[$__range:1m]))' % [observed, servers];
local sum_in_range(metric, matchers='', by='server') = 'sum by (%s) (increase(%s[$__range]))' % [by, of(metric, matchers)];
local server_column = { label: 'server', name: 'server', link: p.to_server };
local clients(metric) =
  'max by (server, user, database, client_addr, network, allowed) (max_over_time(%s[$__range]))' % of(metric);
local client_columns(most) = [
  server_column,
  { label: 'user', name: 'user' },
  { label: 'database', name: 'database' },
  { label: 'client_addr', name: 'address' },
  { label: 'network', name: 'network' },
  { label: 'allowed', name: 'allowed' },
  { value: 'A', name: most, thresholds: p.plain },
];

p.dashboard(
  'pg-tls-evidence',
  'Evidence',
  'What can be shown of the time range of the dashboard. A time without observation proves nothing. The document to hand in: pg_tls_exporter report.',
  [
    {
      title: 'In this time range',
      panels: [
        p.stat(
          'Observed, worst server',
          'Share of the time range in which all sessions of a server were known, of the server with the least. To a minute; `report` is as precise as '
          + 'the scrapes. What is missing from 100 % is not proven.',
          'min(%s)' % share,
          unit='percentunit',
          thresholds=p.share,
          width=6,
        ),
        p.stat(
          'Servers with gaps',
          'Servers that were not observed all the time, as far as a minute shows it.',
          'count(%s < 1) or 0 * count(%s)' % [share, servers],
          thresholds=p.bad_from_one,
          width=6,
        ),
        p.stat(
          'Unencrypted sessions, not allowed',
          'Sessions from other hosts that began without encryption and without an exemption, in samples. About: increase() extrapolates.',
          'sum(increase(%s[$__range]))' % of('pg_tls_unencrypted_sessions_total', 'network="remote",allowed="false"'),
          thresholds=p.bad_from_one,
          width=6,
        ),
        p.stat(
          'Sessions in no sample',
          'Sessions that the servers counted and no sample has. Whether they were encrypted only the log collector can show.',
          'sum(clamp_min(increase(%s[$__range]) - increase(%s[$__range]), 0))' % [of('pg_tls_established_sessions_total'), of('pg_tls_sampled_sessions_total')],
          thresholds=p.poor_from_one,
          width=6,
        ),
      ],
    },
    {
      title: 'Observation',
      panels: [
        p.series(
          'Observed',
          '1 while all sessions of the server were known, 0 or nothing in a gap.',
          [p.range('%s or 0 * max by (server) (%s)' % [observed, of('pg_tls_up')], '{{server}}')],
          width=16,
        ),
        p.series(
          'Exporters up',
          'Exporters that Prometheus could scrape. While none is there, no server is observed.',
          [p.range('sum(%s)' % p.exporter('up'), 'up'), p.range('count(%s)' % p.exporter('up'), 'configured')],
          width=8,
        ),
        p.table(
          'Time observed, by server',
          'Share of the time range in which all sessions were known. Whatever is missing is not proven.',
          [p.instant(share)],
          [server_column, { value: 'A', name: 'observed', unit: 'percentunit', thresholds: p.share }],
          sort='observed',
          width=10,
        ),
        p.table(
          'Sessions, by server',
          'Sessions that the server itself counted, those of them that samples had, and those in its log. About: increase() extrapolates.',
          [
            p.instant(sum_in_range('pg_tls_established_sessions_total')),
            p.instant(sum_in_range('pg_tls_sampled_sessions_total')),
            p.instant(sum_in_range('pg_tls_logged_sessions_total')),
          ],
          [
            server_column,
            { value: 'A', name: 'established', decimals: 0 },
            { value: 'B', name: 'seen', decimals: 0 },
            { value: 'C', name: 'logged', decimals: 0 },
          ],
          width=14,
        ),
        p.table(
          'Losses of the session counters',
          'Events after which sessions may be missing from all counters: a different server answered, a restart after a crash, a reset of the statistics, or a dropped '
          + 'database. After the last two, the log collector still has the sessions.',
          [p.instant('round(max by (server, reason) (increase(%s[$__range]))) > 0' % of('pg_tls_session_count_losses_total'))],
          [
            server_column,
            { label: 'reason', name: 'reason' },
            { value: 'A', name: 'times', decimals: 0, thresholds: p.poor_from_one },
          ],
          width=14,
        ),
        p.table(
          'Sessions counted for',
          'Time since the session counters of each server started at 0: when the exporter started, or when a reload added the server.',
          [p.instant('time() - max by (server) (%s)' % of('pg_tls_sessions_counted_since_timestamp_seconds'))],
          [server_column, { value: 'A', name: 'counted for', unit: 'dtdurations' }],
          width=10,
        ),
      ],
    },
    {
      title: 'Unencrypted',
      panels: [
        p.table(
          'Unencrypted clients in samples',
          'Who was connected over TCP with neither TLS nor GSS encryption at any time of the range, from where, and how many at most.',
          [p.instant(clients('pg_tls_unencrypted_connections'))],
          client_columns('at most'),
          sort='allowed',
          width=24,
        ),
        p.table(
          "Unencrypted clients in the server's log",
          'The same from the log, which misses no session, however short it was.',
          [p.instant(clients('pg_tls_logged_unencrypted_clients'))],
          client_columns('within a window'),
          sort='allowed',
          width=24,
        ),
        p.table(
          'Unencrypted sessions, by network',
          'Sessions that began unencrypted, in samples and in the log. An exemption of the policy allows some.',
          [
            p.instant(sum_in_range('pg_tls_unencrypted_sessions_total', by='server, network, allowed')),
            p.instant(sum_in_range('pg_tls_logged_unencrypted_sessions_total', by='server, network, allowed')),
          ],
          [
            server_column,
            { label: 'network', name: 'network' },
            { label: 'allowed', name: 'allowed' },
            { value: 'A', name: 'in samples', decimals: 0 },
            { value: 'B', name: 'in the log', decimals: 0 },
          ],
          width=14,
        ),
        p.table(
          'Exemptions with an end',
          'Exemptions that were in the policy at any time of the range, and how long they last from now on.',
          [p.instant('max by (server, exemption) (last_over_time(%s[$__range])) - time()' % of('pg_tls_policy_exemption_end_timestamp_seconds'))],
          [
            server_column,
            { label: 'exemption', name: 'exemption' },
            { value: 'A', name: 'ends in', unit: 'dtdurations' },
          ],
          width=10,
        ),
        p.table(
          'Exemptions in force',
          'Exemptions that were in force at any time of the range, also those without an end, and how many connections each allowed at most. One with 0 was not used in samples.',
          [p.instant('max by (server, exemption) (max_over_time(%s[$__range]))' % of('pg_tls_policy_exempted_connections_by_exemption'))],
          [
            server_column,
            { label: 'exemption', name: 'exemption' },
            { value: 'A', name: 'at most', thresholds: p.plain },
          ],
          width=10,
        ),
        p.table(
          'Clients that an exemption allowed',
          'Who was connected unencrypted under which exemption at any time of the range, from where, and how many at most. Of several exemptions that match, the first one counts.',
          [
            p.instant(
              'max by (server, exemption, user, database, client_addr) (max_over_time(%s[$__range]))' % of('pg_tls_policy_exempted_connections')
            ),
          ],
          [
            server_column,
            { label: 'exemption', name: 'exemption' },
            { label: 'user', name: 'user' },
            { label: 'database', name: 'database' },
            { label: 'client_addr', name: 'address' },
            { value: 'A', name: 'at most', thresholds: p.plain },
          ],
          sort='exemption',
          width=14,
        ),
      ],
    },
    {
      title: 'Certificates',
      panels: [
        p.table(
          'Certificates that were served',
          'Every certificate that the servers presented at any time of the range.',
          [
            p.instant(
              'max by (server, host, subject, issuer, serial, fingerprint_sha256) (max_over_time(%s[$__range]))'
              % of('pg_tls_certificate_info', 'source="served",position="0"')
            ),
          ],
          [
            server_column,
            { label: 'host', name: 'for name' },
            { label: 'subject', name: 'subject' },
            { label: 'issuer', name: 'issuer' },
            { label: 'serial', name: 'serial' },
            { label: 'fingerprint_sha256', name: 'fingerprint' },
          ],
        ),
        p.table(
          'Validity of the certificates that were served',
          'The end and the beginning of their validity, from now on.',
          [
            p.instant(
              'max by (server, host, subject) (last_over_time(%s[$__range])) - time()'
              % of('pg_tls_certificate_not_after_timestamp_seconds', 'source="served",position="0"')
            ),
            p.instant(
              'max by (server, host, subject) (last_over_time(%s[$__range])) - time()'
              % of('pg_tls_certificate_not_before_timestamp_seconds', 'source="served",position="0"')
            ),
          ],
          [
            server_column,
            { label: 'host', name: 'for name' },
            { label: 'subject', name: 'subject' },
            { value: 'A', name: 'valid for', unit: 'dtdurations' },
            { value: 'B', name: 'valid from', unit: 'dtdurations' },
          ],
        ),
      ],
    },
  ],
)
