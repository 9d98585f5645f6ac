// What the dashboards' stats say where sight is lost, as Prometheus answers their queries (promtool).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const dashboard = (name) => JSON.parse(readFileSync(new URL(`../../grafana/dashboards/${name}.json`, import.meta.url), 'utf8'));

// The query of a stat, for all jobs, exporters and servers.
function stat(name, title) {
  const panel = dashboard(name).panels.find((candidate) => candidate.type === 'stat' && candidate.title === title);
  assert.ok(panel, `${name} has a stat '${title}'`);
  return panel.targets[0].expr.replaceAll(/\$(job|instance|server)/g, '.*');
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
  const folder = mkdtempSync(join(tmpdir(), 'pgtls-sight-'));
  const series = Object.entries({ ...well, ...changed }).filter(([, samples]) => samples !== null);
  try {
    writeFileSync(join(folder, 'test.yml'), JSON.stringify({
      rule_files: [],
      evaluation_interval: '1m',
      tests: [{
        interval: '1m',
        input_series: series.map(([labels, sample]) => ({ series: labels, values: `${sample}` })),
        promql_expr_test: [{ expr: stat(name, title), eval_time: '0m', exp_samples: [{ labels: '{}', value }] }],
      }],
    }));
    execFileSync('promtool', ['test', 'rules', join(folder, 'test.yml')], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    assert.fail(`${name}, ${title}, with ${JSON.stringify(changed)}: ${error.stdout ?? error}${error.stderr ?? ''}`);
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
