"""The programs of the Connect page. Their gaps (``%``) are filled by ``gateway.snippets``."""

from collections.abc import Mapping
from typing import Final

from gateway.types import Dialect

_OPENAI_PYTHON: Final = """\
import os

from openai import OpenAI

client = OpenAI(
    api_key=%(key)s,
    base_url="%(url)s",
    default_headers=%(headers)s,
)
answer = client.chat.completions.create(
    model="%(model)s",
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)
"""

_OPENAI_NODE: Final = """\
import OpenAI from "openai";

const client = new OpenAI({
  apiKey: %(js_key)s,
  baseURL: "%(url)s",
  defaultHeaders: %(js_headers)s,
});
const answer = await client.chat.completions.create({
  model: "%(model)s",
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(answer.choices[0].message.content);
"""

_OPENAI_LANGCHAIN: Final = """\
import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="%(model)s",
    api_key=%(key)s,
    base_url="%(url)s",
    default_headers=%(headers)s,
)
print(model.invoke("Say hello.").content)
"""

_OPENAI_LLAMAINDEX: Final = """\
import os

from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="%(model)s",
    is_chat_model=True,
    api_key=%(key)s,
    api_base="%(url)s",
    default_headers=%(headers)s,
)
print(llm.complete("Say hello."))
"""

_OPENAI_AI_SDK: Final = """\
import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";

const provider = createOpenAI({
  apiKey: %(js_key)s,
  baseURL: "%(url)s",
  headers: %(js_headers)s,
});
const { text } = await generateText({ model: provider.chat("%(model)s"), prompt: "Say hello." });
console.log(text);
"""

_OPENAI_LITELLM: Final = """\
import os

import litellm

answer = litellm.completion(
    model="openai/%(model)s",
    api_key=%(key)s,
    api_base="%(url)s",
    extra_headers=%(headers)s,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)
"""

_ANTHROPIC_PYTHON: Final = """\
import os

from anthropic import Anthropic

client = Anthropic(
    api_key=%(key)s,
    base_url="%(root)s",
    default_headers=%(headers)s,
)
answer = client.messages.create(
    model="%(model)s",
    max_tokens=100,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.content[0].text)
"""

_ANTHROPIC_NODE: Final = """\
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({
  apiKey: %(js_key)s,
  baseURL: "%(root)s",
  defaultHeaders: %(js_headers)s,
});
const answer = await client.messages.create({
  model: "%(model)s",
  max_tokens: 100,
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(answer.content);
"""

_ANTHROPIC_LANGCHAIN: Final = """\
import os

from langchain_anthropic import ChatAnthropic

model = ChatAnthropic(
    model="%(model)s",
    api_key=%(key)s,
    base_url="%(root)s",
    default_headers=%(headers)s,
)
print(model.invoke("Say hello.").content)
"""

_ANTHROPIC_LLAMAINDEX: Final = """\
import os

from llama_index.llms.anthropic import Anthropic

llm = Anthropic(
    model="%(model)s",
    api_key=%(key)s,
    base_url="%(root)s",
    default_headers=%(headers)s,
)
print(llm.complete("Say hello."))
"""

_ANTHROPIC_AI_SDK: Final = """\
import { createAnthropic } from "@ai-sdk/anthropic";
import { generateText } from "ai";

const provider = createAnthropic({
  apiKey: %(js_key)s,
  baseURL: "%(root)s/v1",
  headers: %(js_headers)s,
});
const { text } = await generateText({ model: provider("%(model)s"), prompt: "Say hello." });
console.log(text);
"""

_ANTHROPIC_LITELLM: Final = """\
import os

import litellm

answer = litellm.completion(
    model="anthropic/%(model)s",
    api_key=%(key)s,
    api_base="%(root)s",
    extra_headers=%(headers)s,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)
"""

_GOOGLE_PYTHON: Final = """\
import os

from google import genai

client = genai.Client(
    api_key=%(key)s,
    http_options={
        "base_url": "%(root)s",
        "headers": %(inner_headers)s,
    },
)
answer = client.models.generate_content(model="%(model)s", contents="Say hello.")
print(answer.text)
"""

_GOOGLE_NODE: Final = """\
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({
  apiKey: %(js_key)s,
  httpOptions: {
    baseUrl: "%(root)s",
    headers: %(js_inner_headers)s,
  },
});
const answer = await client.models.generateContent({ model: "%(model)s", contents: "Say hello." });
console.log(answer.text);
"""

_GOOGLE_LANGCHAIN: Final = """\
import os

from langchain_google_genai import ChatGoogleGenerativeAI

model = ChatGoogleGenerativeAI(
    model="%(model)s",
    api_key=%(key)s,
    base_url="%(root)s",
    additional_headers=%(headers)s,
)
print(model.invoke("Say hello.").content)
"""

_GOOGLE_LLAMAINDEX: Final = """\
import os

from google.genai.types import HttpOptions
from llama_index.llms.google_genai import GoogleGenAI

llm = GoogleGenAI(
    model="%(model)s",
    api_key=%(key)s,
    http_options=HttpOptions(
        base_url="%(root)s",
        headers=%(inner_headers)s,
    ),
)
print(llm.complete("Say hello."))
"""

_GOOGLE_AI_SDK: Final = """\
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { generateText } from "ai";

const provider = createGoogleGenerativeAI({
  apiKey: %(js_key)s,
  baseURL: "%(root)s/v1beta",
  headers: %(js_headers)s,
});
const { text } = await generateText({ model: provider("%(model)s"), prompt: "Say hello." });
console.log(text);
"""

_MISTRAL_PYTHON: Final = """\
import os

import httpx
from mistralai.client import Mistral

client = Mistral(
    api_key=%(key)s,
    server_url="%(root)s",
    client=httpx.Client(headers=%(headers)s),
    timeout_ms=600_000,
)
answer = client.chat.complete(
    model="%(model)s",
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)
"""

_AZURE_PYTHON: Final = """\
import os

from openai import AzureOpenAI

client = AzureOpenAI(
    api_key=%(key)s,
    azure_endpoint="%(root)s",
    api_version="2024-10-21",
    default_headers=%(headers)s,
)
answer = client.chat.completions.create(
    model="%(model)s",
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)
"""

_AZURE_NODE: Final = """\
import { AzureOpenAI } from "openai";

const client = new AzureOpenAI({
  apiKey: %(js_key)s,
  endpoint: "%(root)s",
  apiVersion: "2024-10-21",
  defaultHeaders: %(js_headers)s,
});
const answer = await client.chat.completions.create({
  model: "%(model)s",
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(answer.choices[0].message.content);
"""

type Programs = tuple[tuple[str, str], ...]

SDKS: Final[Mapping[str, Programs]] = {
    "mistral": (("mistralai", _MISTRAL_PYTHON),),
    "azure": (("Python", _AZURE_PYTHON), ("Node.js", _AZURE_NODE)),
}
DIALECT_SDKS: Final[Mapping[Dialect, Programs]] = {
    Dialect.OPENAI: (("Python", _OPENAI_PYTHON), ("Node.js", _OPENAI_NODE)),
    Dialect.ANTHROPIC: (("Python", _ANTHROPIC_PYTHON), ("Node.js", _ANTHROPIC_NODE)),
    Dialect.GEMINI: (("Python", _GOOGLE_PYTHON), ("Node.js", _GOOGLE_NODE)),
}
FRAMEWORKS: Final[Mapping[Dialect, Programs]] = {
    Dialect.OPENAI: (
        ("LangChain", _OPENAI_LANGCHAIN),
        ("LlamaIndex", _OPENAI_LLAMAINDEX),
        ("Vercel AI SDK", _OPENAI_AI_SDK),
        ("LiteLLM", _OPENAI_LITELLM),
    ),
    Dialect.ANTHROPIC: (
        ("LangChain", _ANTHROPIC_LANGCHAIN),
        ("LlamaIndex", _ANTHROPIC_LLAMAINDEX),
        ("Vercel AI SDK", _ANTHROPIC_AI_SDK),
        ("LiteLLM", _ANTHROPIC_LITELLM),
    ),
    Dialect.GEMINI: (
        ("LangChain", _GOOGLE_LANGCHAIN),
        ("LlamaIndex", _GOOGLE_LLAMAINDEX),
        ("Vercel AI SDK", _GOOGLE_AI_SDK),
    ),
}
