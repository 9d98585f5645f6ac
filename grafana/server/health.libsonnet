// Rows of the server's dashboard: settings, and how well the exporter sees the server.
local p = import '../lib/panels.libsonnet';
local of = p.of;

[
  {
    title: 'Settings',
    panels: [
      p.table(
        'Settings',
        'Settings that concern encryption, as a new session sees them.',
        [
          p.instant('group by (name, value) (%s)' % of('pg_tls_setting_info')),
          p.instant('max by (name) (%s)' % of('pg_tls_setting_pending_restart')),
          p.instant('max by (name) (%s)' % of('pg_tls_setting_pending_reload')),
        ],
        [
          { label: 'name', name: 'name' },
          { label: 'value', name: 'value' },
          { value: 'B', name: 'waits for a restart', mappings: p.yes_is_bad },
          { value: 'C', name: 'waits for a reload', mappings: p.yes_is_bad },
        ],
        sort='name',
        width=16,
      ),
      p.table(
        'Passwords',
        'Roles that may log in, by how their password is stored. `pg_tls_exporter check` names those with MD5.',
        [p.instant('max by (kind) (%s)' % of('pg_tls_role_passwords'))],
        [{ label: 'kind', name: 'kind' }, { value: 'A', name: 'roles' }],
        sort='kind',
        width=8,
      ),
      p.stat('Errors', 'Lines of the configuration files in error.', 'max(%s)' % of('pg_tls_config_file_errors'), thresholds=p.bad_from_one, height=8),
      p.stat('Configuration loaded', 'When the server last loaded its configuration.', 'max(%s) * 1000' % of('pg_tls_config_load_timestamp_seconds'), unit='dateTimeFromNow', height=8),
    ],
  },
  {
    title: 'What the exporter can check',
    panels: [
      p.table(
        'Collectors',
        'Whether each collector works, how old its data are and how long it takes.',
        [
          p.instant('min by (instance, collector) (%s)' % of('pg_tls_collector_success')),
          p.instant('max by (instance, collector, reason) (%s)' % of('pg_tls_collector_failure_info')),
          p.instant('time() - max by (instance, collector) (%s)' % of('pg_tls_collector_last_success_timestamp_seconds')),
          p.instant('max by (instance, collector) (%s)' % of('pg_tls_collector_interval_seconds')),
          p.instant('max by (instance, collector) (%s)' % of('pg_tls_collector_duration_seconds')),
        ],
        [
          { label: 'collector', name: 'collector' },
          { label: 'instance', name: 'exporter' },
          { value: 'A', name: 'works', mappings: p.yes_is_good },
          { label: 'reason', name: 'reason' },
          { value: 'C', name: 'age', unit: 's' },
          { value: 'D', name: 'interval', unit: 's' },
          { value: 'E', name: 'took', unit: 's' },
        ],
        sort='collector',
        width=14,
      ),
      p.table(
        'Parts not checked',
        'Parts that the exporter cannot check.',
        [p.instant(of('pg_tls_collector_incomplete_info') + ' == 1')],
        [{ label: 'collector', name: 'collector' }, { label: 'part', name: 'part' }, { label: 'reason', name: 'reason' }],
        width=10,
      ),
      p.series(
        'Duration of collections',
        'By collector.',
        [p.range('max by (collector) (%s)' % of('pg_tls_collector_duration_seconds'), '{{collector}}')],
        unit='s',
      ),
      p.table(
        "The exporter's own connection",
        'How it is protected, as the server reports it.',
        [p.instant(of('pg_tls_exporter_connection_info'))],
        [
          { label: 'instance', name: 'exporter' },
          { label: 'sslmode', name: 'sslmode' },
          { label: 'encryption', name: 'encryption' },
          { label: 'version', name: 'version' },
          { label: 'cipher', name: 'cipher' },
        ],
        width=12,
      ),
    ],
  },
]
