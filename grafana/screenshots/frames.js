// Prometheus' answers to data frames, as Grafana's Prometheus data source makes them; then the panel's transformations and overrides.
import {
  FieldType, applyFieldOverrides, createFieldConfigRegistry, dataLinksOverrideProcessor, displayNameOverrideProcessor,
  identityOverrideProcessor, numberOverrideProcessor, standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry,
  stringOverrideProcessor, thresholdsOverrideProcessor, toDataFrame, transformDataFrame, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { firstValueFrom } from 'rxjs';

const option = (id, process, path = id) => ({ id, path, name: id, process, shouldApply: () => true, getItemsCount: () => 1 });
const standard = [
  option('unit', unitOverrideProcessor), option('min', numberOverrideProcessor), option('max', numberOverrideProcessor),
  option('decimals', numberOverrideProcessor), option('displayName', displayNameOverrideProcessor), option('noValue', stringOverrideProcessor),
  option('color', identityOverrideProcessor), option('thresholds', thresholdsOverrideProcessor),
  option('mappings', valueMappingsOverrideProcessor), option('links', dataLinksOverrideProcessor), option('filterable', identityOverrideProcessor),
];
const custom = ['drawStyle', 'fillOpacity', 'lineWidth', 'showPoints', 'spanNulls', 'stacking', 'align', 'cellOptions', 'inspect', 'width', 'filterable', 'hidden'];

export function setUp() {
  standardFieldConfigEditorRegistry.setInit(() => standard);
  const { filterFieldsByNameTransformer, mergeTransformer, organizeFieldsTransformer } = standardTransformers;
  standardTransformersRegistry.setInit(() => [filterFieldsByNameTransformer, mergeTransformer, organizeFieldsTransformer].map((transformation) => ({
    id: transformation.id, name: transformation.name, transformation, editor: null,
  })));
}

const registry = () => createFieldConfigRegistry({
  useCustomConfig: (builder) => custom.forEach((path) => builder.addCustomEditor({
    id: path, path, name: path, editor: null, override: null, process: identityOverrideProcessor, shouldApply: () => true,
  })),
}, 'panel');

const legend = (format, labels) => format.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

// One frame for all series of an instant query in the format `table`: a column for each label.
function tableOf({ target, series }, value) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map((one) => one.value[0] * 1000) },
      ...labels.map((name) => ({ name, type: FieldType.string, config: { filterable: true }, values: series.map(({ metric }) => metric[name] ?? '') })),
      { name: value, type: FieldType.number, values: series.map((one) => Number(one.value[1])) },
    ],
  });
}

// A frame for each series.
function seriesOf({ target, series }) {
  return series.map(({ metric, value, values }) => {
    const points = values ?? [value];
    const name = target.legendFormat ? legend(target.legendFormat, metric) : undefined;
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: points.map(([time]) => time * 1000) },
        { name: 'Value', type: FieldType.number, labels: metric, config: name ? { displayNameFromDS: name } : {}, values: points.map(([, text]) => Number(text)) },
      ],
    });
  });
}

export async function framesOf(panel, answers, theme) {
  const several = answers.length > 1;
  let frames = answers.filter(({ series }) => series.length > 0).flatMap((answer) => (answer.target.format === 'table'
    ? [tableOf(answer, several ? `Value #${answer.target.refId}` : 'Value')]
    : seriesOf(answer)));
  if (panel.transformations) frames = await firstValueFrom(transformDataFrame(panel.transformations, frames));
  return applyFieldOverrides({
    data: frames, fieldConfig: panel.fieldConfig, fieldConfigRegistry: registry(), replaceVariables: (text) => text, theme, timeZone: 'utc',
  });
}
