// Rows of the server's dashboard: the connections between servers.
local p = import '../lib/panels.libsonnet';
local of = p.of;

[
  {
    title: 'Links to and from other servers',
    panels: [
      p.stat(
        'Links that may be plaintext',
        'Of the links that were seen, those to other machines whose sslmode is disable, allow or prefer. See "What the exporter can check" for those that were not.',
        'sum(max by (kind) (%s))' % of('pg_tls_links_unprotected', 'network="remote"'),
        thresholds=p.bad_from_one,
        width=3,
      ),
      p.table(
        'Outgoing links',
        'Subscriptions, foreign servers, the upstream of a standby, and the servers of a PgBouncer, with the sslmode in force.',
        [p.instant('max by (kind, database, name, host, port, sslmode, protection) (%s)' % of('pg_tls_link_info'))],
        [
          { label: 'kind', name: 'kind' },
          { label: 'database', name: 'database' },
          { label: 'name', name: 'name' },
          { label: 'host', name: 'host' },
          { label: 'port', name: 'port' },
          { label: 'sslmode', name: 'sslmode' },
          { label: 'protection', name: 'protection' },
        ],
        sort='protection',
        width=21,
      ),
      p.table(
        'Replication from this server',
        'Standbys and logical subscribers that are connected.',
        [p.instant('max by (application_name, client_addr, replication, sync_state, encryption) (%s)' % of('pg_tls_replication_connections'))],
        [
          { label: 'application_name', name: 'name' },
          { label: 'client_addr', name: 'address' },
          { label: 'replication', name: 'replication' },
          { label: 'sync_state', name: 'state' },
          { label: 'encryption', name: 'encryption' },
          { value: 'A', name: 'connections' },
        ],
        width=12,
      ),
      p.table(
        'Through a PgBouncer, by database',
        'Clients to the pooler, and the pooler to its servers. The status page of the exporter also shows what the servers see.',
        [
          p.instant('sum by (database) (%s)' % of('pg_tls_connections', 'backend_type="pgbouncer client",encryption=~"tls|gss"')),
          p.instant('sum by (database) (%s)' % of('pg_tls_connections', 'backend_type="pgbouncer client",encryption="none",network!="local"')),
          p.instant('sum by (database) (%s)' % of('pg_tls_link_connections', 'encryption=~"tls|gss"')),
          p.instant('sum by (database) (%s)' % of('pg_tls_link_connections', 'encryption="none",network!="local"')),
        ],
        [
          { label: 'database', name: 'database' },
          { value: 'A', name: 'clients encrypted' },
          { value: 'B', name: 'clients unencrypted', thresholds: p.bad_from_one },
          { value: 'C', name: 'to servers encrypted' },
          { value: 'D', name: 'to servers unencrypted', thresholds: p.bad_from_one },
        ],
        sort='database',
        width=24,
      ),
      p.table(
        'Connections of a PgBouncer to its servers',
        'Open connections from SHOW SERVERS.',
        [p.instant('max by (database, user, server_addr, encryption) (%s)' % of('pg_tls_link_connections'))],
        [
          { label: 'database', name: 'database' },
          { label: 'user', name: 'user' },
          { label: 'server_addr', name: 'server' },
          { label: 'encryption', name: 'encryption' },
          { value: 'A', name: 'connections' },
        ],
        width=12,
      ),
      p.table(
        'Upstream link',
        'On a standby: how its own connection to the primary is protected.',
        [p.instant(of('pg_tls_wal_receiver_info'))],
        [{ label: 'sender_host', name: 'host' }, { label: 'sender_port', name: 'port' }, { label: 'sslmode', name: 'sslmode' }],
        height=6,
        width=12,
      ),
    ],
  },
]
