// What a PromQL expression names, by Prometheus' own grammar.
import { parser } from '@prometheus-io/lezer-promql';

// {selectors: [{metric, labels: […]}], labels: [… of by, without, on, ignoring, group_left]}. Throws at a syntax error.
export function parsePromql(expression) {
  const text = (node) => expression.slice(node.from, node.to);
  const selectors = [];
  const labels = [];
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) throw new Error(`syntax error at ${node.from} of: ${expression}`);
      if (node.name === 'VectorSelector') {
        const metric = node.node.getChild('Identifier');
        const used = [];
        const matchers = node.node.getChild('LabelMatchers');
        for (const matcher of matchers?.getChildren('UnquotedLabelMatcher') ?? []) used.push(text(matcher.getChild('LabelName')));
        selectors.push({ metric: metric ? text(metric) : '', labels: used });
      } else if (node.name === 'GroupingLabels') {
        for (const label of node.node.getChildren('LabelName')) labels.push(text(label));
      }
    },
  });
  return { selectors, labels };
}

// Problems of an expression against what exists: `known` is a map from metric to {labels}.
export function problems(expression, known) {
  let parsed;
  try {
    parsed = parsePromql(expression);
  } catch (error) {
    return [error.message];
  }
  const found = [];
  const all = new Set();
  for (const { metric, labels } of parsed.selectors) {
    const entry = known.get(metric);
    if (!entry) {
      found.push(`no metric '${metric}'`);
      continue;
    }
    for (const label of entry.labels) all.add(label);
    for (const label of labels) if (!entry.labels.has(label)) found.push(`${metric} has no label '${label}'`);
  }
  for (const label of parsed.labels) if (!all.has(label)) found.push(`no metric of the expression has a label '${label}'`);
  return found;
}

// All labels that the result of an expression may have.
export function labelsOf(expression, known) {
  const all = new Set();
  for (const { metric } of parsePromql(expression).selectors) for (const label of known.get(metric)?.labels ?? []) all.add(label);
  // What label_replace() adds: its last four arguments are label, replacement, source, regular expression.
  for (const [, label] of expression.matchAll(/"(\w+)",\s*"[^"]*",\s*"\w*",\s*"[^"]*"\s*\)/g)) all.add(label);
  return all;
}
