// Rows of the server's dashboard: what pg_hba.conf admits, and who uses it.
local p = import '../lib/panels.libsonnet';
local of = p.of;

[
  {
    title: 'pg_hba',
    panels: [
      p.stat('Remote plaintext', 'The rules admit an unencrypted connection from another host.', 'max(%s)' % of('pg_tls_hba_plaintext_admitted', 'network="remote"'), mappings=p.yes_is_bad),
      p.stat('Loopback plaintext', 'The rules admit an unencrypted connection from the same host.', 'max(%s)' % of('pg_tls_hba_plaintext_admitted', 'network="loopback"'), mappings=p.yes_is_neutral),
      p.stat('Errors', 'Lines that make PostgreSQL refuse the file.', 'max(%s)' % of('pg_tls_hba_rule_errors'), thresholds=p.bad_from_one),
      p.stat('Reload pending', 'The file was changed and is not in force, or cannot be read.', 'max(%s)' % of('pg_tls_hba_pending_reload'), mappings=p.yes_is_bad),
      p.stat('Unreachable rules', 'Rules that decide about no connection.', 'max(%s)' % of('pg_tls_hba_shadowed_rules'), width=8),
      p.table(
        'Rules that admit plaintext',
        'Each rule that can admit an unencrypted connection.',
        [p.instant(of('pg_tls_hba_plaintext_rule_info'))],
        [
          { label: 'file', name: 'file' },
          { label: 'line', name: 'line' },
          { label: 'type', name: 'type' },
          { label: 'database', name: 'database' },
          { label: 'user', name: 'user' },
          { label: 'address', name: 'address' },
          { label: 'auth_method', name: 'method' },
          { label: 'certainty', name: 'certainty' },
        ],
        sort='line',
        width=16,
      ),
      p.table(
        'Rules by kind',
        'Number of rules of each type and method.',
        [p.instant('max by (type, auth_method) (%s)' % of('pg_tls_hba_rules'))],
        [{ label: 'type', name: 'type' }, { label: 'auth_method', name: 'method' }, { value: 'A', name: 'rules' }],
        width=8,
      ),
      p.table(
        'Who uses a plaintext rule',
        'Unencrypted connections by the rule that would admit them now: move these clients before you remove the rule.',
        [p.instant(of('pg_tls_hba_plaintext_connections'))],
        [
          { value: 'A', name: 'connections' },
          { label: 'file', name: 'file' },
          { label: 'line', name: 'line' },
          { label: 'user', name: 'user' },
          { label: 'database', name: 'database' },
          { label: 'client_addr', name: 'address' },
        ],
        sort='line',
        width=14,
      ),
      p.table(
        'Connections by rule',
        'Open connections by the rule that would admit them now.',
        [p.instant('sum by (file, line, encryption) (%s)' % of('pg_tls_hba_rule_connections'))],
        [
          { value: 'A', name: 'connections' },
          { label: 'file', name: 'file' },
          { label: 'line', name: 'line' },
          { label: 'encryption', name: 'encryption' },
        ],
        sort='line',
        width=10,
      ),
    ],
  },
]
