// Everything that expires, in its order, and what is wrong with certificates and keys.
local p = import 'lib/panels.libsonnet';
local of = p.of;

// Without those that no verification depends on.
// What an alert waits for: a share of the lifetime, within limits.
local share(part, longest_days) = 'clamp((%s - %s) / %d, 12 * 3600, %d * 86400)' % [
  of('pg_tls_certificate_not_after_timestamp_seconds'),
  of('pg_tls_certificate_not_before_timestamp_seconds'),
  part,
  longest_days,
];
local left(matchers) = '(%s unless on (job, instance, server, source, role, path, position, host) %s) - time()' % [
  of('pg_tls_certificate_not_after_timestamp_seconds', matchers),
  of('pg_tls_certificate_unneeded_info'),
];
// What keeps certificates out of sight, of whole servers: a collector that fails, or a wire that does not get as far as a handshake.
// (The answer N is no such thing: it says that there is no TLS.)
local looked_at = of('pg_tls_collector_success', 'collector=~"certificates|endpoint"');
local out_of_sight = std.join(' or ', [
  looked_at + ' == 0',
  of('pg_tls_endpoint_reachable') + ' == 0',
  of('pg_tls_handshake_success', 'host!="/no_sni/"') + ' == 0',
  of('pg_tls_ssl_request_answer', 'answer=~"E|none"') + ' == 1',
]);
// Of a server that is seen: a part that is closed to the exporter, or a file that it cannot read.
local in_part = std.join(' or ', [
  of('pg_tls_collector_incomplete_info', 'collector=~"certificates|endpoint"'),
  of('pg_tls_certificate_file_readable') + ' == 0',
]);
local servers_with(what) = 'count(group by (instance, server) (%s)) or 0 * count(%s)' % [what, looked_at];
local server_column = { label: 'server', name: 'server', link: p.to_server };
local exporter_column = { label: 'instance', name: 'exporter' };

p.dashboard(
  'pg-tls-certificates',
  'Certificates',
  'Everything that expires: served certificates, certificates on disk, authorities, revocation lists, exemptions.',
  [
    {
      title: 'Now',
      panels: [
        p.stat('Expired', 'Server certificates that have expired.', 'count(%s <= 0) or 0 * count(%s)' % [left('role!="ca"'), left('role!="ca"')], thresholds=p.bad_from_one),
        p.stat(
          'Expire soon',
          'Server certificates of whose lifetime less than a tenth is left (at most 7 days, at least 12 hours).',
          'count(%s < %s > 0) or 0 * count(%s)' % [left('role!="ca"'), share(10, 7), left('role!="ca"')],
          thresholds=p.bad_from_one,
        ),
        p.stat(
          'Expiring',
          'Server certificates of whose lifetime less than a third is left (at most 30 days, at least 12 hours).',
          'count(%s < %s > 0) or 0 * count(%s)' % [left('role!="ca"'), share(3, 30), left('role!="ca"')],
          thresholds=p.bad_from_one,
        ),
        p.stat(
          'Do not verify',
          "Servers whose certificate fails libpq's verification. Without an sslrootcert the chain is not judged.",
          'count(group by (instance, server) (%s == 0)) or 0 * count(%s)' % [of('pg_tls_certificate_verified'), of('pg_tls_certificate_verified')],
          thresholds=p.bad_from_one,
        ),
        p.stat(
          'Served differs from file',
          'Servers whose served certificate is not the one in their file.',
          'count(group by (instance, server) (%s == 0)) or 0 * count(%s)' % [of('pg_tls_served_certificate_matches_file'), of('pg_tls_served_certificate_matches_file')],
          thresholds=p.bad_from_one,
        ),
        p.stat(
          'Will not restart',
          'Servers whose next start will fail.',
          'count(group by (instance, server) (%s == 0)) or 0 * count(%s)' % [of('pg_tls_next_start_ok'), of('pg_tls_next_start_ok')],
          thresholds=p.bad_from_one,
        ),
        p.exporters_down(width=8),
        p.stat(
          'Cannot be looked at',
          'Servers whose collector certificates or endpoint fails, or that complete no TLS handshake. Their certificates and keys are not in the figures '
          + 'above: unless this is 0, a 0 there is not an all-clear.',
          servers_with(out_of_sight),
          thresholds=p.bad_from_one,
          width=8,
        ),
        p.stat(
          'Checked in part',
          'Servers of which the exporter cannot check a part: the served certificate, the files, or one of them. That part is not in the figures above.',
          servers_with(in_part),
          thresholds=p.poor_from_one,
          width=8,
        ),
      ],
    },
    {
      title: 'Expiry, soonest first',
      panels: [
        p.table(
          'Certificates',
          'Served: in the TLS handshake, position 0 is the leaf, anchor the root in sslrootcert. File: on disk. Negative: expired.',
          [
            p.instant('min by (instance, server, source, role, path, position, subject, host) (%s)' % left('')),
            p.instant('min by (instance, server, source, role, path, position, subject, host) (%s - time())' % of('pg_tls_certificate_not_before_timestamp_seconds')),
            p.instant('max by (instance, server, source, role, path, position, subject, host) (%s)' % p.certificate_ending()),
          ],
          [
            { value: 'A', name: 'expires in', unit: 'dtdurations' },
            { value: 'C', name: 'state', mappings: p.ending_in_words },
            server_column,
            exporter_column,
            { label: 'subject', name: 'subject' },
            { label: 'source', name: 'source' },
            { label: 'role', name: 'role' },
            { label: 'position', name: 'position' },
            { label: 'host', name: 'for name' },
            { label: 'path', name: 'path' },
            { value: 'B', name: 'valid from', unit: 'dtdurations' },
          ],
          sort='expires in',
          height=14,
        ),
        p.table(
          'Client certificates',
          'Client certificates that sessions use or used, by the inventory. From its end on the user cannot connect. Negative: expired.',
          [
            p.instant('min by (instance, server, user, client_dn, serial) (%s - time())' % of('pg_tls_client_certificate_not_after_timestamp_seconds')),
            p.instant('time() - max by (instance, server, user, client_dn, serial) (%s)' % of('pg_tls_client_certificate_last_seen_timestamp_seconds')),
            p.instant('max by (instance, server, user, client_dn, serial) (%s)' % p.client_certificate_ending()),
          ],
          [
            { value: 'A', name: 'expires in', unit: 'dtdurations' },
            { value: 'C', name: 'state', mappings: p.ending_in_words },
            server_column,
            exporter_column,
            { label: 'user', name: 'user' },
            { label: 'client_dn', name: 'certificate' },
            { label: 'serial', name: 'serial' },
            { value: 'B', name: 'last used ago', unit: 'dtdurations' },
          ],
          sort='expires in',
        ),
        p.table(
          'Revocation lists',
          'When the list in force of each authority ends. The server then refuses the client certificates of that authority.',
          [p.instant('%s - time()' % of('pg_tls_crl_next_update_timestamp_seconds'))],
          [
            { value: 'A', name: 'due in', unit: 'dtdurations', thresholds: p.list_left },
            server_column,
            { label: 'issuer', name: 'issuer' },
            { label: 'path', name: 'path' },
          ],
          sort='due in',
          width=12,
        ),
        p.table(
          'Exemptions',
          'When each exemption for unencrypted connections ends.',
          [p.instant('%s - time()' % of('pg_tls_policy_exemption_end_timestamp_seconds'))],
          [
            { value: 'A', name: 'ends in', unit: 'dtdurations', thresholds: p.exemption_left },
            server_column,
            { label: 'exemption', name: 'exemption' },
          ],
          sort='ends in',
          width=12,
        ),
      ],
    },
    {
      title: 'Problems',
      panels: [
        p.table(
          'Collectors that fail',
          'Nothing is known of what these collectors report.',
          [p.instant(of('pg_tls_collector_failure_info', 'collector=~"certificates|endpoint"') + ' == 1')],
          [server_column, exporter_column, { label: 'collector', name: 'collector' }, { label: 'reason', name: 'reason' }],
          sort='server',
          width=12,
          height=6,
        ),
        p.table(
          'Collectors with missing parts',
          'They succeed, but the exporter cannot check a part.',
          [p.instant(of('pg_tls_collector_incomplete_info', 'collector=~"certificates|endpoint"') + ' == 1')],
          [
            server_column,
            exporter_column,
            { label: 'collector', name: 'collector' },
            { label: 'part', name: 'part' },
            { label: 'reason', name: 'reason' },
          ],
          sort='server',
          width=12,
          height=6,
        ),
        p.table(
          'Next roots',
          'Whether clients with the root files of `roots` alone would accept the certificate that each server presents.',
          [p.instant('min by (instance, server, root, host) (%s)' % of('pg_tls_root_verified'))],
          [
            server_column,
            exporter_column,
            { label: 'root', name: 'root' },
            { label: 'host', name: 'for name' },
            { value: 'A', name: 'ready', mappings: p.yes_is_good },
          ],
          sort='ready',
          height=6,
        ),
        p.table(
          'Verification',
          "What fails by libpq's rules, and why.",
          [p.instant(of('pg_tls_certificate_verify_error_info') + ' == 1')],
          [server_column, exporter_column, { label: 'check', name: 'check' }, { label: 'reason', name: 'reason' }],
          width=8,
        ),
        p.table(
          'Files that cannot be read',
          'The contents of these files are not known.',
          [p.instant(of('pg_tls_certificate_file_error_info') + ' == 1')],
          [server_column, { label: 'role', name: 'role' }, { label: 'path', name: 'path' }, { label: 'reason', name: 'reason' }],
          width=8,
        ),
        p.table(
          'Next start fails',
          'Why the next start of a server will fail.',
          [p.instant(of('pg_tls_next_start_failure_info') + ' == 1')],
          [server_column, { label: 'role', name: 'role' }, { label: 'path', name: 'path' }, { label: 'reason', name: 'reason' }],
          width=8,
        ),
        p.table(
          'Private keys',
          'Keys as PostgreSQL will judge them at its next start. Only keys that the exporter can check.',
          [p.instant(of('pg_tls_private_key_ok'))],
          [server_column, { label: 'path', name: 'path' }, { label: 'check', name: 'check' }, { value: 'A', name: 'ok', mappings: p.yes_is_good }],
          sort='ok',
          width=24,
        ),
      ],
    },
    {
      title: 'Keys, signatures and issuers',
      panels: [
        p.pie(
          'Keys',
          'Served leaf certificates by key.',
          'count by (key_algorithm, key_size) (%s)' % of('pg_tls_certificate_info', 'source="served",position="0"'),
          '{{key_algorithm}} {{key_size}}',
          width=8,
        ),
        p.pie(
          'Signatures',
          'Served leaf certificates by signature algorithm.',
          'count by (signature_algorithm) (%s)' % of('pg_tls_certificate_info', 'source="served",position="0"'),
          '{{signature_algorithm}}',
          width=8,
        ),
        p.pie(
          'Issuers',
          'Served leaf certificates by issuer.',
          'count by (issuer) (%s)' % of('pg_tls_certificate_info', 'source="served",position="0"'),
          '{{issuer}}',
          width=8,
        ),
      ],
    },
  ],
)
