// What the dashboards' stats say where sight is lost, as Prometheus answers their queries (promtool).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const dashboard = (name) => JSON.parse(readFileSync(new URL(`../../grafana/dashboards/${name}.json`, import.meta.url), 'utf8'));

// A query of a panel, for all jobs, exporters and servers.
function query(name, type, title, target = 0) {
  const panel = dashboard(name).panels.find((candidate) => candidate.type === type && candidate.title === title);
  assert.ok(panel, `${name} has a ${type} '${title}'`);
  return panel.targets[target].expr.replaceAll(/\$(job|instance|server)/g, '.*');
}

// Two exporters with a server each, all well: `changed` has other values for some series, null for a series that is not there.
const target = (name) => `job="pg_tls",instance="${name}"`;
const well = {
  'up{job="node",instance="x"}': 0,  // somebody else's
};
for (const name of ['a', 'b']) {
  well[`up{${target(name)}}`] = 1;
  for (const collector of ['sessions', 'endpoint', 'certificates']) {
    well[`pg_tls_collector_success{${target(name)},server="${name}",collector="${collector}"}`] = 1;
  }
  well[`pg_tls_endpoint_reachable{${target(name)},server="${name}"}`] = 1;
  for (const answer of ['S', 'N', 'E', 'none']) {
    well[`pg_tls_ssl_request_answer{${target(name)},server="${name}",answer="${answer}"}`] = answer === 'S' ? 1 : 0;
  }
  well[`pg_tls_handshake_success{${target(name)},server="${name}"}`] = 1;
  well[`pg_tls_certificate_file_readable{${target(name)},server="${name}",role="server",path="server.crt"}`] = 1;
}

// Fails where the stat's answer to these series is not `value`.
function expectStat(name, title, changed, value) {
  expectAnswer(query(name, 'stat', title), { ...well, ...changed }, [{ labels: '{}', value }]);
}

function expectAnswer(expr, samples, answer) {
  const folder = mkdtempSync(join(tmpdir(), 'pgtls-sight-'));
  const series = Object.entries(samples).filter(([, sample]) => sample !== null);
  try {
    writeFileSync(join(folder, 'test.yml'), JSON.stringify({
      rule_files: [],
      evaluation_interval: '1m',
      tests: [{
        interval: '1m',
        input_series: series.map(([labels, sample]) => ({ series: labels, values: `${sample}` })),
        promql_expr_test: [{ expr, eval_time: '0m', exp_samples: answer }],
      }],
    }));
    execFileSync('promtool', ['test', 'rules', join(folder, 'test.yml')], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    assert.fail(`${expr}, with ${JSON.stringify(samples)}: ${error.stdout ?? error}${error.stderr ?? ''}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const ofA = (metric, labels = '') => `${metric}{${target('a')},server="a"${labels}}`;
const gone = Object.fromEntries(Object.keys(well).filter((series) => series.includes('server="a"')).map((series) => [series, null]));

for (const name of ['fleet', 'certificates']) {
  test(`${name}: an exporter that is down is counted, another job's target is not`, () => {
    expectStat(name, 'Exporters down', {}, 0);
    expectStat(name, 'Exporters down', { ...gone, [`up{${target('a')}}`]: 0 }, 1);
  });
}

test('certificates: a server that is out of sight is counted once', () => {
  expectStat('certificates', 'Cannot be looked at', {}, 0);
  const sessions = { [ofA('pg_tls_collector_success', ',collector="sessions"')]: 0 };
  expectStat('certificates', 'Cannot be looked at', sessions, 0);
  for (const changed of [
    { [ofA('pg_tls_collector_success', ',collector="certificates"')]: 0 },
    { [ofA('pg_tls_collector_success', ',collector="endpoint"')]: 0 },
    { [ofA('pg_tls_collector_success', ',collector="endpoint"')]: 0, [ofA('pg_tls_collector_success', ',collector="certificates"')]: 0 },
    { [ofA('pg_tls_endpoint_reachable')]: 0 },
    { [ofA('pg_tls_handshake_success')]: 0 },
    { [ofA('pg_tls_ssl_request_answer', ',answer="S"')]: 0, [ofA('pg_tls_ssl_request_answer', ',answer="E"')]: 1 },
    { [ofA('pg_tls_ssl_request_answer', ',answer="S"')]: 0, [ofA('pg_tls_ssl_request_answer', ',answer="none"')]: 1 },
  ]) {
    expectStat('certificates', 'Cannot be looked at', changed, 1);
  }
  // Known: there is no TLS.
  const refused = { [ofA('pg_tls_ssl_request_answer', ',answer="S"')]: 0, [ofA('pg_tls_ssl_request_answer', ',answer="N"')]: 1 };
  expectStat('certificates', 'Cannot be looked at', { ...refused, [ofA('pg_tls_handshake_success')]: null }, 0);
});

test('certificates: a part that is closed is counted', () => {
  expectStat('certificates', 'Checked in part', {}, 0);
  expectStat('certificates', 'Checked in part', { [ofA('pg_tls_collector_incomplete_info', ',collector="hba",part="raw_text",reason="x"')]: 1 }, 0);
  expectStat('certificates', 'Checked in part', {
    [ofA('pg_tls_collector_incomplete_info', ',collector="certificates",part="files",reason="x"')]: 1,
    [ofA('pg_tls_certificate_file_readable', ',role="server",path="server.crt"')]: 0,
  }, 1);
  expectStat('certificates', 'Checked in part', { [ofA('pg_tls_certificate_file_readable', ',role="server",path="server.crt"')]: 0 }, 1);
});

// By the limits of the alerts: a third and a tenth of the lifetime, at most 30 and 7 days, at least 12 hours. Times in hours.
const day = 24;
const states = [
  [6 * day, 3 * day, 0],
  [6 * day, 2 * day - 1, 1],
  [6 * day, 14, 2],
  [365 * day, 31 * day, 0],
  [365 * day, 29 * day, 1],
  [365 * day, 6 * day, 2],
  [365 * day, 0, 3],
  [day, 13, 0],
  [day, 11, 2],
  [null, 31 * day, 0],
  [null, 29 * day, 1],
  [null, 6 * day, 2],
];
for (const [name, by, target] of [['certificates', 'instance="a",server="a",', 2], ['server', '', 3]]) {
  test(`${name}: how near the end of a certificate is`, () => {
    const title = name === 'server' ? 'Chain and files' : 'Certificates';
    const place = 'source="file",role="server",path="x",position="0",subject="CN=x"';
    for (const [lifetime, left, state] of states) {
      const series = {
        [ofA('pg_tls_certificate_not_after_timestamp_seconds', `,${place}`)]: left * 3600,
        [ofA('pg_tls_certificate_not_before_timestamp_seconds', `,${place}`)]: lifetime === null ? null : (left - lifetime) * 3600,
      };
      expectAnswer(query(name, 'table', title, target), series, [{ labels: `{${by}${place}}`, value: state }]);
      expectAnswer(query(name, 'table', title, target), { ...series, [ofA('pg_tls_certificate_unneeded_info', `,${place}`)]: 1 }, []);
    }
  });
}
test('how near the end of a client certificate is', () => {
  const who = 'user="bob",client_dn="/CN=bob",serial="0A"';
  for (const [lifetime, left, state] of states) {
    const series = {
      [ofA('pg_tls_client_certificate_not_after_timestamp_seconds', `,${who}`)]: left * 3600,
      [ofA('pg_tls_client_certificate_not_before_timestamp_seconds', `,${who}`)]: lifetime === null ? null : (left - lifetime) * 3600,
    };
    expectAnswer(query('certificates', 'table', 'Client certificates', 2), series, [{ labels: `{instance="a",server="a",${who}}`, value: state }]);
  }
});
