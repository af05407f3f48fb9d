// Two gatherers: operator_versions, and container_logs, which rules ask for.
import { Listing, logs } from "berth:kubernetes/reading@0.1.0";
import { decode, encode } from "./utf8.js";

// What came with an error result, for a person.
const textOf = (error) => {
  const said = error?.payload ?? error;
  if (said?.tag === "status") return said.val.message;
  return said?.tag ? said.val : String(said?.message ?? said);
};
const statusOf = (error) => {
  const said = error?.payload ?? error;
  return said?.tag === "status" ? said.val.code : 0;
};

function* objects(group, version, plural, namespace, fields = "") {
  const listing = new Listing({ group, version, plural }, namespace, { labels: "", fields });
  for (;;) {
    const page = listing.next();
    if (page.length === 0) return;
    for (const item of page) yield JSON.parse(decode(item.object));
  }
}

// False: the archive takes no more. The host notes refusals.
const put = (out, path, text) => {
  try {
    out.put({ path, content: encode(text), captured: undefined, alwaysStored: false });
    return true;
  } catch (error) {
    return (error?.payload ?? error)?.tag !== "full";
  }
};

const operatorVersions = (_, out) => {
  const versions = {};
  for (const op of objects("config.openshift.io", "v1", "clusteroperators")) {
    for (const { name, version } of op.status?.versions ?? []) {
      ((versions[name] ??= {})[version] ??= []).push(op.metadata.name);
    }
  }
  put(out, "aggregated/operator_versions.json", JSON.stringify(versions));
};

// Lines that match, of pods whose names match. False: the archive takes no more.
const logsOf = ({ namespace, pod_name_regex, messages, previous }, out) => {
  let pods, lines;
  try {
    pods = new RegExp(pod_name_regex);
    lines = messages.map((message) => new RegExp(message));
  } catch (error) {
    out.error(undefined, `a regular expression for ${namespace} cannot be read: ${error.message}`);
    return true;
  }
  let containers = 0;
  for (const pod of objects("", "v1", "pods", namespace)) {
    const { name } = pod.metadata;
    if (!pods.test(name)) continue;
    for (const container of pod.spec.containers) {
      if (containers++ === 64) {
        out.warning(undefined, `more than 64 containers of ${namespace} match; the rest is left out`);
        return true;
      }
      const path = `namespaces/${namespace}/pods/${name}/${container.name}/${previous ? "previous" : "current"}.log`;
      try {
        const text = decode(
          logs(namespace, name, { container: container.name, previous: previous === true, tailLines: 10_000, sinceSeconds: 21_600, timestamps: false, limitBytes: 4 << 20 }),
        );
        const kept = text.split("\n").filter((line) => lines.some((wanted) => wanted.test(line)));
        if (kept.length > 0 && !put(out, path, kept.join("\n") + "\n")) return false;
      } catch (error) {
        // A container that never ran has none.
        if (![400, 404].includes(statusOf(error))) out.error(path, textOf(error));
      }
    }
  }
  return true;
};

const containerLogs = ({ container_logs }, out) => {
  for (const request of container_logs ?? []) if (!logsOf(request, out)) return;
};

const all = { operator_versions: operatorVersions, container_logs: containerLogs };

export const gatherers = {
  list: () => [
    {
      name: "operator_versions",
      text: "What ClusterOperators run, in one record.",
      records: [{ path: "aggregated/operator_versions.json", text: "component -> version -> operators" }],
      byRule: false,
    },
    {
      name: "container_logs",
      text: "Lines that match, of the last six hours and 10,000 lines of containers; at most 64 for each request of a rule's `container_logs`.",
      records: [{ path: "namespaces/{namespace}/pods/{name}/{container}/{current|previous}.log", text: "the lines that match" }],
      byRule: true,
    },
  ],
  gather(name, parameters, budget, out) {
    const gatherer = all[name];
    if (!gatherer) throw `this component holds no ${name}`;
    try {
      gatherer(JSON.parse(parameters), out);
    } catch (error) {
      throw typeof error === "string" ? error : textOf(error);
    }
  },
};
