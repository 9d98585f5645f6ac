// Rows of the server's dashboard: who is connected, and how protected.
local p = import '../lib/panels.libsonnet';
local of = p.of;

local on_rule = 'job, instance, server, database, user, client_addr';
local plaintext_rules = of('pg_tls_hba_plaintext_connections');
local unencrypted = of('pg_tls_unencrypted_connections');

// Who is not encrypted, with the rule of pg_hba that admits them where that is known.
local unencrypted_by_rule = |||
  %(unencrypted)s
    * on (%(on)s) group_left (file, line)
      topk by (%(on)s) (1, 0 * %(rules)s + 1)
  or %(unencrypted)s unless on (%(on)s) %(rules)s
||| % { unencrypted: unencrypted, on: on_rule, rules: plaintext_rules };

// A series that was born in the range began at 1: its increase is 0, and its value is the number.
local begun =
  local total = of('pg_tls_sessions_total', 'encryption="none",network!="local"');
  'sum by (user, database, network) (%(total)s unless %(total)s offset $__range or increase(%(total)s[$__range])) > 0' % { total: total };

[
  {
    title: 'Now',
    panels: [
      p.stat('Up', 'The server answers the exporter over SQL.', 'min(%s)' % of('pg_tls_up'), mappings=p.yes_is_good, width=3),
      p.stat('Offers TLS', 'The server answers S when a client asks for TLS.', 'min(%s)' % of('pg_tls_ssl_request_answer', 'answer="S"'), mappings=p.yes_is_good, width=3),
      p.stat('Setting ssl', 'What the server says of itself; the wire is the proof.', 'min(%s)' % of('pg_tls_server_ssl_enabled'), mappings=p.yes_is_good, width=3),
      p.stat(
        'Unencrypted, not allowed',
        'Connections from other hosts with neither TLS nor GSS encryption that no exemption allows.',
        'max(%s)' % of('pg_tls_unencrypted_connections_by_network', 'network="remote",allowed="false"'),
        thresholds=p.bad_from_one,
        width=4,
      ),
      p.stat(
        'Oldest connection',
        'How long the oldest of these connections has been open.',
        'time() - min(%s)' % of('pg_tls_oldest_unencrypted_connection_start_timestamp_seconds'),
        unit='dtdurations',
        no_value='none seen',
        width=3,
      ),
      p.stat(
        'Certificate expires in',
        'Time until the first served certificate expires.',
        'min((%s unless on (job, instance, server, source, role, path, position, host) %s) - time())' % [
          of('pg_tls_certificate_not_after_timestamp_seconds', 'source="served"'),
          of('pg_tls_certificate_unneeded_info'),
        ],
        unit='dtdurations',
        thresholds=p.over,
        width=4,
      ),
      p.words('PostgreSQL', 'Version of the server, and what it is built with.', of('pg_tls_server_info'), '{{server_version}}, {{ssl_library}}', width=4),
    ],
  },
  {
    title: 'Sessions',
    panels: [
      p.series(
        'Connections by encryption',
        'Open connections. Local: over a Unix socket, where no encryption is needed.',
        [p.range('sum by (encryption, network) (%s)' % of('pg_tls_connections'), '{{encryption}} {{network}}')],
        stacked=true,
      ),
      p.series(
        'Sessions begun without encryption',
        'Including sessions that are no longer open.',
        [
          p.range(
            'sum by (network, allowed) (increase(%s[$__rate_interval]))' % of('pg_tls_unencrypted_sessions_total'),
            '{{network}}, allowed: {{allowed}}',
          ),
        ],
      ),
      p.series(
        'Sessions established and seen',
        'Sessions that PostgreSQL itself counted, and those of them that sampling saw: the others were shorter than the interval.',
        [
          p.range('sum(increase(%s[$__rate_interval]))' % of('pg_tls_established_sessions_total'), 'established'),
          p.range('sum(increase(%s[$__rate_interval]))' % of('pg_tls_sampled_sessions_total'), 'seen'),
          p.range('sum(increase(%s[$__rate_interval]))' % of('pg_tls_logged_sessions_total'), 'logged'),
        ],
      ),
      p.series(
        'Share of sessions seen',
        'Of the sessions of the last hour. Where it is low, the log collector shows the others.',
        [p.range('sum(increase(%s[1h])) / (sum(increase(%s[1h])) > 0)' % [of('pg_tls_sampled_sessions_total'), of('pg_tls_established_sessions_total')], 'seen')],
        unit='percentunit',
      ),
      p.table(
        'Unencrypted connections',
        'Clients that are connected over TCP with neither TLS nor GSS encryption: user, address, and line of pg_hba.conf.',
        [p.instant(unencrypted_by_rule)],
        [
          { value: 'A', name: 'connections', thresholds: p.bad_from_one },
          { label: 'user', name: 'user' },
          { label: 'database', name: 'database' },
          { label: 'client_addr', name: 'address' },
          { label: 'application_name', name: 'application' },
          { label: 'network', name: 'network' },
          { label: 'allowed', name: 'allowed' },
          { label: 'file', name: 'file' },
          { label: 'line', name: 'line' },
        ],
        sort='connections',
        descending=true,
      ),
      p.table(
        'TLS connections against policy.require',
        'Encrypted, but with less than the policy asks for: who, from where, and what is missing.',
        [p.instant(of('pg_tls_policy_violating_connections'))],
        [
          { value: 'A', name: 'connections', thresholds: p.bad_from_one },
          { label: 'user', name: 'user' },
          { label: 'database', name: 'database' },
          { label: 'client_addr', name: 'address' },
          { label: 'reason', name: 'reason' },
          { label: 'allowed', name: 'allowed' },
        ],
        sort='connections',
        descending=true,
        width=16,
        height=6,
      ),
      p.stat(
        'Against policy.require, not allowed',
        'TLS connections that do not meet policy.require. 0 without such a policy.',
        'sum(%s)' % of('pg_tls_policy_violating_connections_by_network', 'allowed="false"'),
        thresholds=p.bad_from_one,
        width=8,
        height=6,
      ),
      p.table(
        'Sessions begun, by user',
        'Over the time range of the dashboard, without encryption.',
        [p.instant(begun)],
        [
          { value: 'A', name: 'sessions', decimals: 0 },
          { label: 'user', name: 'user' },
          { label: 'database', name: 'database' },
          { label: 'network', name: 'network' },
        ],
        sort='sessions',
        descending=true,
        width=8,
      ),
      p.table(
        'TLS connections by cipher',
        'Open TLS connections by protocol version and cipher suite.',
        [p.instant('sum by (version, cipher, bits) (%s)' % of('pg_tls_cipher_connections'))],
        [
          { value: 'A', name: 'connections' },
          { label: 'version', name: 'version' },
          { label: 'cipher', name: 'cipher' },
          { label: 'bits', name: 'bits' },
        ],
        sort='connections',
        descending=true,
        width=8,
      ),
      p.table(
        'Client certificates',
        'Open TLS connections that presented a certificate.',
        [p.instant('sum by (user, client_dn, issuer_dn) (%s)' % of('pg_tls_client_certificate_connections'))],
        [
          { value: 'A', name: 'connections' },
          { label: 'user', name: 'user' },
          { label: 'client_dn', name: 'subject' },
          { label: 'issuer_dn', name: 'issuer' },
        ],
        sort='connections',
        descending=true,
        width=8,
      ),
      p.series(
        'Not authenticated yet',
        'Connections before authentication (PostgreSQL 18 shows them). They are in no other panel.',
        [p.range('sum by (network) (%s)' % of('pg_tls_authenticating_connections'), '{{network}}')],
        width=8,
        height=6,
      ),
      p.series(
        'Folded connections',
        'Connections whose names and addresses were added to __other__ because of the limit on series.',
        [p.range('sum by (metric) (%s)' % of('pg_tls_folded_connections'), '{{metric}}')],
        width=8,
        height=6,
      ),
      p.table(
        'Exemptions',
        'When each exemption for unencrypted connections ends.',
        [p.instant('%s - time()' % of('pg_tls_policy_exemption_end_timestamp_seconds'))],
        [{ label: 'exemption', name: 'exemption' }, { value: 'A', name: 'ends in', unit: 'dtdurations', thresholds: p.exemption_left }],
        width=8,
        height=6,
      ),
    ],
  },
]
