// The answers of a Prometheus to a dashboard's queries, as its panels need them.

const stepSeconds = 15;

// Variables have their value `All`, but for `server`, which a dashboard may need one of.
function substituted(text, server, range) {
  const values = {
    job: '.+', instance: '.+', server, datasource: 'prometheus',
    __range: `${range}s`, __interval: `${stepSeconds}s`, __rate_interval: `${4 * stepSeconds}s`,
  };
  return text.replaceAll(/\$\{?(\w+)(?::\w+)?\}?/g, (whole, name) => values[name] ?? whole);
}

async function ask(url, path, parameters) {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const answer = await response.json();
  if (answer.status !== 'success') throw new Error(`${parameters.query}: ${answer.error}`);
  return answer.data.result;
}

// {panel id: [{target, series}]}; `series` is Prometheus' matrix or vector. Of the last `range` seconds.
export async function answers(url, dashboard, server, range) {
  const end = Math.floor(Date.now() / 1000);
  const result = {};
  for (const panel of dashboard.panels) {
    result[panel.id] = [];
    for (const target of panel.targets ?? []) {
      const query = substituted(target.expr, server, range);
      const series = target.instant
        ? await ask(url, 'query', { query, time: end })
        : await ask(url, 'query_range', { query, start: end - range, end, step: stepSeconds });
      result[panel.id].push({ target, series });
    }
  }
  return { from: (end - range) * 1000, to: end * 1000, answers: result };
}
