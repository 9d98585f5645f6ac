// Rows of the server's dashboard: what the server does on the wire.
local p = import '../lib/panels.libsonnet';
local of = p.of;

[
  {
    title: 'TLS over the network',
    panels: [
      p.table(
        'What each sslmode gets',
        "Whether a libpq client with the exporter's user and address reaches authentication, and whether its connection is encrypted.",
        [
          p.instant('min by (instance, sslmode) (%s)' % of('pg_tls_sslmode_connects')),
          p.instant('min by (instance, sslmode) (%s)' % of('pg_tls_sslmode_encrypted')),
        ],
        [
          { label: 'sslmode', name: 'sslmode' },
          { value: 'A', name: 'connects', mappings: p.yes_is_neutral },
          { value: 'B', name: 'encrypted', mappings: p.yes_is_good },
          { label: 'instance', name: 'exporter' },
        ],
        sort='sslmode',
        width=8,
      ),
      p.table(
        'Protocol versions accepted',
        'Versions with which a handshake completes. A version that the exporter cannot try is missing.',
        [p.instant('max by (version) (%s)' % of('pg_tls_protocol_accepted'))],
        [{ label: 'version', name: 'version' }, { value: 'A', name: 'accepted', mappings: p.yes_is_neutral }],
        sort='version',
        width=4,
      ),
      p.table(
        'Key exchange',
        'Groups that the server accepts with TLS 1.3. X25519MLKEM768 withstands a quantum computer.',
        [p.instant('max by (group) (%s)' % of('pg_tls_key_exchange_accepted'))],
        [{ label: 'group', name: 'group' }, { value: 'A', name: 'accepted', mappings: p.yes_is_neutral }],
        sort='group',
        width=6,
      ),
      p.table(
        'SCRAM over TLS',
        "What the exporter's user is offered. Without SCRAM-SHA-256-PLUS (channel binding), a proxy or pooler ends TLS.",
        [p.instant('min by (mechanism) (%s)' % of('pg_tls_sasl_mechanism_offered'))],
        [{ label: 'mechanism', name: 'mechanism' }, { value: 'A', name: 'offered', mappings: p.yes_is_neutral }],
        sort='mechanism',
        width=6,
      ),
      p.table(
        'Negotiated',
        'What the last handshake negotiated.',
        [p.instant(of('pg_tls_negotiated_info'))],
        [
          { label: 'version', name: 'version' },
          { label: 'cipher', name: 'cipher' },
          { label: 'group', name: 'group' },
          { label: 'alpn', name: 'ALPN' },
        ],
        width=12,
        height=4,
      ),
      p.table(
        "Verification by libpq's rules",
        "With the server's sslrootcert; without one, the chain is missing.",
        [
          p.instant('min by (instance, check, host) (%s)' % of('pg_tls_certificate_verified')),
          p.instant('max by (instance, check, reason, host) (%s)' % of('pg_tls_certificate_verify_error_info')),
        ],
        [
          { label: 'check', name: 'check' },
          { label: 'host', name: 'for name' },
          { value: 'A', name: 'verified', mappings: p.yes_is_good },
          { label: 'reason', name: 'reason' },
          { label: 'instance', name: 'exporter' },
        ],
        width=12,
        height=4,
      ),
      p.stat('Reachable', 'A TCP connection to the endpoint succeeded.', 'min(%s)' % of('pg_tls_endpoint_reachable'), mappings=p.yes_is_good),
      p.stat('Handshake', 'The handshake finished, verified or not.', 'min(%s)' % of('pg_tls_handshake_success', 'host=""'), mappings=p.yes_is_good),
      p.stat(
        'Plaintext accepted',
        'An unencrypted connection of the exporter reached authentication.',
        'max(%s)' % of('pg_tls_plaintext_accepted'),
        mappings=p.yes_is_bad,
      ),
      p.stat('Client certificate', 'The server asks clients for a certificate.', 'max(%s)' % of('pg_tls_client_certificate_requested'), mappings=p.yes_is_neutral),
      p.stat('Direct TLS', 'TLS without SSLRequest (PostgreSQL 17 and later).', 'max(%s)' % of('pg_tls_direct_tls_supported'), mappings=p.yes_is_neutral),
      p.stat('GSS encryption', 'The server offers GSS encryption.', 'max(%s)' % of('pg_tls_gss_encryption_offered'), mappings=p.yes_is_neutral),
      p.table(
        'Other names',
        'Whether a handshake completes for each name of endpoint_names and pg_hosts.conf. /no_sni/: without a name.',
        [p.instant('min by (instance, host) (%s)' % of('pg_tls_handshake_success', 'host!=""'))],
        [
          { label: 'host', name: 'name' },
          { value: 'A', name: 'handshake', mappings: p.yes_is_good },
          { label: 'instance', name: 'exporter' },
        ],
        width=12,
        height=6,
      ),
      p.series(
        'Duration of the handshake',
        'By phase, as the exporter measures it.',
        [p.range('max by (phase) (%s)' % of('pg_tls_handshake_duration_seconds'), '{{phase}}')],
        unit='s',
        stacked=true,
        height=6,
      ),
    ],
  },
]
