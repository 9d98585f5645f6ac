// Rows of the server's dashboard: certificates, keys and revocation lists.
local p = import '../lib/panels.libsonnet';
local of = p.of;

[
  {
    title: 'Certificates',
    panels: [
      p.table(
        'Chain and files',
        'Served: in the TLS handshake, position 0 is the leaf, anchor the root in sslrootcert. File: on disk.',
        [
          p.instant('min by (source, role, path, position, subject, host) ((%s unless on (job, instance, server, source, role, path, position, host) %s) - time())' % [
            of('pg_tls_certificate_not_after_timestamp_seconds'),
            of('pg_tls_certificate_unneeded_info'),
          ]),
          p.instant('min by (source, role, path, position, subject, host) (%s - time())' % of('pg_tls_certificate_not_before_timestamp_seconds')),
          p.instant(
            'group by (source, role, path, position, subject, issuer, serial, key_algorithm, key_size, signature_algorithm, san, self_signed, fingerprint_sha256, host) (%s)'
            % of('pg_tls_certificate_info')
          ),
        ],
        [
          { label: 'source', name: 'source' },
          { label: 'role', name: 'role' },
          { label: 'position', name: 'position' },
          { label: 'subject', name: 'subject' },
          { label: 'host', name: 'for name' },
          { value: 'A', name: 'expires in', unit: 'dtdurations', thresholds: p.days_left },
          { value: 'B', name: 'valid from', unit: 'dtdurations' },
          { label: 'issuer', name: 'issuer' },
          { label: 'san', name: 'names' },
          { label: 'key_algorithm', name: 'key' },
          { label: 'key_size', name: 'size' },
          { label: 'signature_algorithm', name: 'signature' },
          { label: 'self_signed', name: 'self-signed' },
          { label: 'path', name: 'path' },
          { label: 'serial', name: 'serial' },
          { label: 'fingerprint_sha256', name: 'fingerprint' },
        ],
        sort='expires in',
        height=10,
      ),
      p.stat(
        'Served matches file',
        'No: replaced on disk, and not reloaded, or the reload failed.',
        'min(%s)' % of('pg_tls_served_certificate_matches_file'),
        mappings=p.yes_is_good,
        height=6,
      ),
      p.stat(
        'Would start again',
        'No: the next start fails. Absent: not everything could be checked.',
        'min(%s)' % of('pg_tls_next_start_ok'),
        mappings=p.yes_is_good,
        height=6,
      ),
      p.table(
        'Next start fails',
        'Why the next start of the server will fail.',
        [p.instant(of('pg_tls_next_start_failure_info') + ' == 1')],
        [{ label: 'role', name: 'role' }, { label: 'reason', name: 'reason' }, { label: 'path', name: 'path' }],
        width=6,
        height=6,
      ),
      p.table(
        'Private key',
        'As PostgreSQL will judge it at its next start. Only if the exporter can check it.',
        [p.instant(of('pg_tls_private_key_ok'))],
        [{ label: 'check', name: 'check' }, { value: 'A', name: 'ok', mappings: p.yes_is_good }, { label: 'path', name: 'path' }],
        width=6,
        height=6,
      ),
      p.table(
        'Files',
        'Which files the exporter can read.',
        [
          p.instant('min by (role, path) (%s)' % of('pg_tls_certificate_file_readable')),
          p.instant('max by (role, path, reason) (%s)' % of('pg_tls_certificate_file_error_info')),
        ],
        [
          { label: 'role', name: 'role' },
          { label: 'path', name: 'path' },
          { value: 'A', name: 'readable', mappings: p.yes_is_good },
          { label: 'reason', name: 'reason' },
        ],
        width=8,
        height=6,
      ),
      p.table(
        'Revocation lists',
        'When the next update is due.',
        [p.instant('%s - time()' % of('pg_tls_crl_next_update_timestamp_seconds'))],
        [
          { label: 'issuer', name: 'issuer' },
          { value: 'A', name: 'due in', unit: 'dtdurations', thresholds: p.days_left },
          { label: 'path', name: 'path' },
        ],
        width=6,
        height=6,
      ),
      p.table(
        'Authorities of client certificates',
        'Whether the server accepts client certificates that each authority issued, why not, and until when.',
        [
          p.instant('min by (path, subject, serial) (%s)' % of('pg_tls_client_ca_accepted')),
          p.instant('max by (path, subject, serial, reason) (%s)' % of('pg_tls_client_ca_refused_info')),
          p.instant('min by (path, subject, serial) (%s) - time()' % of('pg_tls_client_ca_not_after_timestamp_seconds')),
        ],
        [
          { label: 'subject', name: 'authority' },
          { value: 'A', name: 'accepted', mappings: p.yes_is_good },
          { label: 'reason', name: 'reason' },
          { value: 'C', name: 'expires in', unit: 'dtdurations', thresholds: p.days_left },
          { label: 'path', name: 'path' },
        ],
        width=12,
        height=6,
      ),
      p.table(
        'Chain of the server certificate',
        'The earliest end on the path, as it is served and in the file, the root included.',
        [p.instant('%s - time()' % of('pg_tls_certificate_chain_not_after_timestamp_seconds'))],
        [
          { label: 'source', name: 'source' },
          { label: 'host', name: 'for name' },
          { label: 'path', name: 'path' },
          { value: 'A', name: 'ends in', unit: 'dtdurations', thresholds: p.days_left },
        ],
        width=6,
        height=6,
      ),
      p.table(
        'Host names in pg_hosts.conf',
        'The certificate file of each name (PostgreSQL 19), and whether it is what the name gets.',
        [
          p.instant('group by (host, path, ca_path) (%s)' % of('pg_tls_host_certificate_info')),
          p.instant('min by (host) (%s)' % of('pg_tls_served_certificate_matches_file', 'host!=""')),
        ],
        [
          { label: 'host', name: 'name' },
          { label: 'path', name: 'certificate' },
          { label: 'ca_path', name: 'CA file' },
          { value: 'B', name: 'served', mappings: p.yes_is_good },
        ],
        width=12,
        height=6,
      ),
      p.table(
        'Lists of unknown authorities',
        'Revocation lists of authorities that are not in ssl_ca_file.',
        [p.instant(of('pg_tls_crl_unknown_issuer_info') + ' == 1')],
        [{ label: 'issuer', name: 'issuer' }, { label: 'path', name: 'path' }],
        width=6,
        height=6,
      ),
    ],
  },
]
