// All servers at a glance: who is not encrypted, what expires, which protocols, and what cannot be seen.
local p = import 'lib/panels.libsonnet';
local of = p.of;

// By server and exporter: two exporters may watch one server.
local by = 'max by (instance, server) ';
local certificate_ends = '(%s unless on (job, instance, server, source, role, path, position, host) %s)' % [
  of('pg_tls_certificate_not_after_timestamp_seconds', 'role!="ca"'),
  of('pg_tls_certificate_unneeded_info'),
];
local worst_days = 'min by (instance, server) (%s - time())' % certificate_ends;
local server_column = { label: 'server', name: 'server', link: p.to_server };
local exporter_column = { label: 'instance', name: 'exporter' };

p.dashboard(
  'pg-tls-fleet',
  'Fleet',
  'How the connections to all PostgreSQL servers are protected. Unknown is not shown as OK: see "Exporters down", "Failing collectors" and "Not checked".',
  [
    {
      title: 'Now',
      panels: [
        p.exporters_down(width=3),
        p.stat(
          'Servers',
          'Servers of the exporters that can be scraped.',
          'count(group by (server) (%s))' % of('pg_tls_collector_success'),
          width=3,
        ),
        p.stat(
          'Down',
          'Servers that do not answer the exporter over SQL. Nothing is known about their sessions.',
          'count(%s == 0) or 0 * count(%s)' % [of('pg_tls_up'), of('pg_tls_up')],
          thresholds=p.bad_from_one,
          width=3,
        ),
        p.stat(
          'Unencrypted, not allowed',
          'Connections from other hosts with neither TLS nor GSS encryption that no exemption allows.',
          'sum(%s)' % of('pg_tls_unencrypted_connections_by_network', 'network="remote",allowed="false"'),
          thresholds=p.bad_from_one,
        ),
        p.stat(
          'Encrypted',
          'Share of the connections from other hosts that are encrypted.',
          '1 - sum(%s) / sum(%s)' % [
            of('pg_tls_unencrypted_connections_by_network', 'network="remote"'),
            of('pg_tls_connections', 'network="remote"'),
          ],
          unit='percentunit',
          thresholds=p.share,
          no_value='no connections',
        ),
        p.stat(
          'Next expiry',
          'Time until the first server certificate of the fleet expires. Negative: it has expired.',
          'min(%s - time())' % certificate_ends,
          unit='dtdurations',
          thresholds=p.over,
        ),
        p.stat(
          'Failing collectors',
          'Collectors that currently fail: their facts are unknown.',
          'count(%s == 0) or 0 * count(%s)' % [of('pg_tls_collector_success'), of('pg_tls_collector_success')],
          thresholds=p.bad_from_one,
          width=3,
        ),
      ],
    },
    {
      title: 'Unencrypted connections',
      panels: [
        p.series(
          'Unencrypted connections, not allowed, by server',
          'Open connections from other hosts, the twenty largest.',
          [p.range(
            'topk(20, sum by (instance, server) (%s))' % of('pg_tls_unencrypted_connections_by_network', 'network="remote",allowed="false"'),
            '{{server}}',
          )],
        ),
        p.series(
          'Unencrypted sessions begun, not allowed, by server',
          'Sessions that began, including short ones that are no longer open.',
          [p.range(
            'topk(20, sum by (instance, server) (increase(%s[$__rate_interval])))' % of('pg_tls_unencrypted_sessions_total', 'network="remote",allowed="false"'),
            '{{server}}',
          )],
        ),
        p.table(
          'By server',
          'Connections from other hosts without encryption. The dashboard of the server names them.',
          [
            p.instant('sum by (instance, server) (%s)' % of('pg_tls_unencrypted_connections_by_network', 'network="remote",allowed="false"')),
            p.instant('sum by (instance, server) (%s)' % of('pg_tls_unencrypted_connections_by_network', 'network="remote",allowed="true"')),
            p.instant('time() - min by (instance, server) (%s)' % of('pg_tls_oldest_unencrypted_connection_start_timestamp_seconds')),
            p.instant('sum by (instance, server) (%s)' % of('pg_tls_connections', 'network="remote",encryption!="none"')),
          ],
          [
            server_column,
            exporter_column,
            { value: 'A', name: 'not allowed', thresholds: p.bad_from_one },
            { value: 'B', name: 'allowed' },
            { value: 'C', name: 'oldest for', unit: 'dtdurations' },
            { value: 'D', name: 'encrypted' },
          ],
          sort='not allowed',
          descending=true,
        ),
      ],
    },
    {
      title: 'Posture',
      panels: [
        p.table(
          'By server',
          'What each server offers over the network and what its rules admit. An empty cell is unknown.',
          [
            p.instant(by + '(%s)' % of('pg_tls_up')),
            p.instant(by + '(%s)' % of('pg_tls_ssl_request_answer', 'answer="S"')),
            p.instant(by + '(%s)' % of('pg_tls_plaintext_accepted')),
            p.instant(by + '(%s)' % of('pg_tls_hba_plaintext_admitted', 'network="remote"')),
            p.instant('min by (instance, server) (%s)' % of('pg_tls_certificate_verified')),
            p.instant('min by (instance, server) (%s)' % of('pg_tls_sslmode_connects', 'sslmode="verify-full"')),
            p.instant(by + '(%s)' % of('pg_tls_protocol_accepted', 'version=~"TLSv1|TLSv1\\\\.1"')),
            p.instant(worst_days),
            p.instant(by + '(%s)' % of('pg_tls_hba_plaintext_certain', 'network="remote"')),
            p.instant(by + '(%s)' % of('pg_tls_endpoint_loopback')),
            p.instant(by + '(%s)' % p.certificate_ending('role!="ca"')),
          ],
          [
            server_column,
            exporter_column,
            { value: 'A', name: 'up', mappings: p.yes_is_good },
            { value: 'B', name: 'offers TLS', mappings: p.yes_is_good },
            { value: 'C', name: 'accepts plaintext', mappings: p.yes_is_bad },
            { value: 'J', name: 'tried over loopback' },
            { value: 'I', name: 'hba admits plaintext', mappings: p.yes_is_bad },
            { value: 'D', name: 'hba may admit plaintext', mappings: p.yes_is_bad },
            { value: 'E', name: 'certificate verifies', mappings: p.yes_is_good },
            { value: 'F', name: 'verify-full works', mappings: p.yes_is_good },
            { value: 'G', name: 'old TLS accepted', mappings: p.yes_is_bad },
            { value: 'H', name: 'expires in', unit: 'dtdurations' },
            { value: 'K', name: 'certificates', mappings: p.ending_in_words },
          ],
          sort='expires in',
          height=10,
        ),
      ],
    },
    {
      title: 'Protocols',
      panels: [
        p.pie('TLS versions', 'Open TLS connections by protocol version.', 'sum by (version) (%s)' % of('pg_tls_cipher_connections'), '{{version}}'),
        p.pie('Cipher suites', 'Open TLS connections by cipher suite.', 'sum by (cipher) (%s)' % of('pg_tls_cipher_connections'), '{{cipher}}'),
        p.series(
          'Connections by encryption',
          'Open TCP connections of all servers.',
          [p.range('sum by (encryption) (%s)' % of('pg_tls_connections', 'network!="local"'), '{{encryption}}')],
          stacked=true,
        ),
      ],
    },
    {
      title: 'Not checked',
      panels: [
        p.table(
          'Collectors that fail',
          'Nothing is known of what these collectors report.',
          [p.instant(of('pg_tls_collector_failure_info') + ' == 1')],
          [server_column, exporter_column, { label: 'collector', name: 'collector' }, { label: 'reason', name: 'reason' }],
          sort='server',
          width=12,
        ),
        p.table(
          'Collectors with missing parts',
          'They succeed, but the exporter cannot check a part.',
          [p.instant(of('pg_tls_collector_incomplete_info') + ' == 1')],
          [
            server_column,
            { label: 'collector', name: 'collector' },
            { label: 'part', name: 'part' },
            { label: 'reason', name: 'reason' },
          ],
          sort='server',
          width=12,
        ),
        p.series(
          'Age of the data, in intervals',
          'Time since the last success of each collector, in its own intervals; the twenty oldest. More than three is an alert.',
          [p.range(
            'topk(20, (time() - %s) / on (job, instance, server, collector) %s)' % [
              of('pg_tls_collector_last_success_timestamp_seconds'),
              of('pg_tls_collector_interval_seconds'),
            ],
            '{{server}} {{collector}}',
          )],
          unit='none',
        ),
        p.series(
          'Beyond the cap on series',
          'Connections whose names and addresses were added to __other__ (their numbers stay exact), and certificates, files and revocation lists without series.',
          [
            p.range('topk(20, sum by (server, metric) (%s))' % of('pg_tls_folded_connections'), '{{server}} {{metric}}'),
            p.range('topk(20, sum by (server, kind) (%s))' % of('pg_tls_certificate_series_omitted'), '{{server}} {{kind}} left out'),
          ],
        ),
      ],
    },
    {
      title: 'Exporters',
      panels: [
        p.table(
          'Exporters',
          'The exporters themselves.',
          [
            p.instant(p.exporter('pg_tls_exporter_build_info')),
            p.instant('max by (instance) (%s)' % p.exporter('pg_tls_exporter_config_last_reload_successful')),
            p.instant('time() - max by (instance) (%s)' % p.exporter('pg_tls_exporter_config_last_reload_success_timestamp_seconds')),
            p.instant('time() - max by (instance) (%s)' % p.exporter('process_start_time_seconds')),
            p.instant('max by (instance, shard) (%s)' % p.exporter('pg_tls_exporter_shards')),
          ],
          [
            exporter_column,
            { label: 'version', name: 'version' },
            { label: 'revision', name: 'revision' },
            { label: 'compiler', name: 'compiler' },
            { label: 'libpq', name: 'libpq' },
            { label: 'openssl', name: 'openssl' },
            { value: 'B', name: 'configuration good', mappings: p.yes_is_good },
            { value: 'C', name: 'loaded', unit: 'dtdurations' },
            { value: 'D', name: 'running for', unit: 'dtdurations' },
            { label: 'shard', name: 'shard' },
            { value: 'E', name: 'of shards' },
          ],
          height=5,
        ),
        p.series('CPU', 'Cores that the exporter uses.', [p.range('rate(%s[$__rate_interval])' % p.exporter('process_cpu_seconds_total'), '{{instance}}')], unit='none', width=6),
        p.series(
          'Memory',
          'Memory of the exporter.',
          [
            p.range(p.exporter('process_resident_memory_bytes'), '{{instance}} resident'),
            p.range(p.exporter('process_virtual_memory_bytes'), '{{instance}} virtual'),
          ],
          unit='bytes',
          width=6,
        ),
        p.series(
          'File descriptors',
          'Open file descriptors, and their limit.',
          [p.range(p.exporter('process_open_fds'), '{{instance}} open'), p.range(p.exporter('process_max_fds'), '{{instance}} limit')],
          width=6,
        ),
        p.series(
          'Requests',
          'HTTP requests per second, by handler and status.',
          [p.range('sum by (handler, code) (rate(%s[$__rate_interval]))' % p.exporter('pg_tls_exporter_http_requests_total'), '{{handler}} {{code}}')],
          unit='reqps',
          width=6,
        ),
        p.series(
          'Overload',
          'Whether intervals are longer than configured, the limit on concurrent collections, and late collections per second. Log lines are dropped if standard error is not read fast enough.',
          [
            p.range(p.exporter('pg_tls_exporter_overloaded'), '{{instance}} overloaded'),
            p.range(p.exporter('pg_tls_exporter_concurrent_collections_limit'), '{{instance}} at once'),
            p.range('rate(%s[$__rate_interval])' % p.exporter('pg_tls_exporter_delayed_collections_total'), '{{instance}} late a second'),
            p.range('rate(%s[$__rate_interval])' % p.exporter('pg_tls_exporter_log_lines_dropped_total'), '{{instance}} log lines dropped a second'),
          ],
          width=24,
        ),
      ],
    },
  ],
)
