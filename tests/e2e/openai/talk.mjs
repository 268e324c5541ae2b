// A caller with OpenAI's SDK for Node; says at its end, as JSON, what it heard.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.argv[2]}/`));
const OpenAI = require("openai");

const client = new OpenAI();
const asked = (text) => [{ role: "user", content: text }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "weather", description: "Tells the weather.", parameters };
const price = {
  type: "object",
  properties: { currency: { type: "string" }, total: { type: "number" } },
  required: ["currency", "total"],
};

const scenes = {
  async chat() {
    const answer = await client.chat.completions.create({ model: "policy/chat", messages: asked("A hard question.") });
    return [answer.choices[0].message.content, answer.usage.total_tokens, answer.router.tier];
  },
  async streamed() {
    const stream = await client.chat.completions.create({
      model: "policy/chat",
      messages: asked("A hard question."),
      stream: true,
      stream_options: { include_usage: true },
    });
    let said = "";
    let tokens = 0;
    for await (const chunk of stream) {
      said += chunk.choices[0]?.delta.content ?? "";
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    return [said, tokens];
  },
  async formed() {
    const answer = await client.chat.completions.create({
      model: "policy/chat",
      messages: asked("A hard price."),
      response_format: { type: "json_schema", json_schema: { name: "price", schema: price } },
    });
    return JSON.parse(answer.choices[0].message.content);
  },
  async called() {
    const answer = await client.chat.completions.create({
      model: "policy/chat",
      messages: asked("The weather?"),
      tools: [{ type: "function", function: weather }],
    });
    const { function: made } = answer.choices[0].message.tool_calls[0];
    return [answer.choices[0].finish_reason, made.name, made.arguments];
  },
  async refused() {
    try {
      await client.chat.completions.create({ model: "policy/chat", messages: asked("nonsense") });
    } catch (why) {
      return [why.constructor.name, why.status, why.code];
    }
    return "an answer";
  },
  async refusedInAStream() {
    const stream = await client.chat.completions.create({
      model: "policy/chat",
      messages: asked("nonsense"),
      stream: true,
    });
    try {
      for await (const chunk of stream) return chunk;
    } catch (why) {
      return [why.constructor.name, why.code];
    }
    return "an end";
  },
  async wrong() {
    try {
      await client.chat.completions.create({ model: "policy/chat", messages: asked("Hi"), temperature: 3 });
    } catch (why) {
      return [why.constructor.name, why.param];
    }
    return "an answer";
  },
  async responded() {
    const answer = await client.responses.create({ model: "policy/chat", input: "A hard question." });
    const later = await client.responses.retrieve(answer.id);
    return [answer.output_text, later.output_text, later.status];
  },
  async respondedInAStream() {
    const stream = client.responses.stream({ model: "policy/chat", input: "A hard question." });
    const kinds = new Set();
    for await (const event of stream) kinds.add(event.type);
    const last = await stream.finalResponse();
    return [last.output_text, [...kinds].at(0), [...kinds].at(-1)];
  },
  async background() {
    let answer = await client.responses.create({ model: "policy/chat", input: "Later.", background: true });
    const begun = answer.status;
    while (["queued", "in_progress"].includes(answer.status)) answer = await client.responses.retrieve(answer.id);
    return [begun, answer.status, answer.output_text];
  },
  async listed() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    return names.includes("policy/chat");
  },
};

const heard = {};
for (const [name, scene] of Object.entries(scenes)) heard[name] = await scene();
console.log(JSON.stringify(heard));
