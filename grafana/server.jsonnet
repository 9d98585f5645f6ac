// One server: its sessions, what its wire and its rules do, its certificates, and how well the exporter sees it.
local p = import 'lib/panels.libsonnet';

p.dashboard(
  'pg-tls-server',
  'Server',
  'How the connections to one PostgreSQL server are protected. Unknown is not shown as OK: see "What the exporter can check".',
  (import 'server/sessions.libsonnet')
  + (import 'server/log.libsonnet')
  + (import 'server/wire.libsonnet')
  + (import 'server/links.libsonnet')
  + (import 'server/hba.libsonnet')
  + (import 'server/certificates.libsonnet')
  + (import 'server/health.libsonnet'),
  one_server=true,
)
