import { ApiError } from './api-error.ts'
import type { ChatMessage } from './chat-request.ts'

/** What a template needs of a model. */
export type TemplateModel = {
  readonly hasMark: (text: string) => boolean
  readonly tokenize: (text: string, specialTokens: boolean) => readonly number[]
  readonly beginning: () => readonly number[]
}

/** A prompt, as tokens, and the words that end an answer where the vocabulary has no mark for it. */
export type Prompt = { readonly tokens: readonly number[]; readonly stops: readonly string[] }

type Template = {
  /** Marks that the vocabulary must have as single tokens. */
  readonly marks: readonly string[]
  readonly before: (role: string) => string
  readonly after: string
  readonly assistant: string
  readonly stops: readonly string[]
}

// The forms that models in wide use were trained on. The first whose marks the vocabulary has is taken; the template that a GGUF file may
// carry is a program, and is not run.
const templates: readonly Template[] = [
  {
    marks: ['<|im_start|>', '<|im_end|>'],
    before: (role) => `<|im_start|>${role}\n`,
    after: '<|im_end|>\n',
    assistant: 'assistant',
    stops: [],
  },
  {
    marks: ['<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
    before: (role) => `<|start_header_id|>${role}<|end_header_id|>\n\n`,
    after: '<|eot_id|>',
    assistant: 'assistant',
    stops: [],
  },
  {
    marks: ['<start_of_turn>', '<end_of_turn>'],
    before: (role) => `<start_of_turn>${role === 'system' ? 'user' : role}\n`,
    after: '<end_of_turn>\n',
    assistant: 'model',
    stops: [],
  },
  {
    marks: [],
    before: (role) => `${role}: `,
    after: '\n',
    assistant: 'assistant',
    stops: ['\nuser:', '\nsystem:'],
  },
]

/**
 * Writes a conversation down as the model was trained to read it. What people wrote is never read as marks: only the template's own are.
 */
export function writePrompt(model: TemplateModel, messages: readonly ChatMessage[]): Prompt {
  const template = templates.find(({ marks }) => marks.every((mark) => model.hasMark(mark)))
  if (template === undefined) throw new ApiError(500, 'no_template', 'There is no chat template')
  const { before, after, assistant, stops } = template
  const marked = (text: string) => model.tokenize(text, true)
  const tokens = [
    ...model.beginning(),
    ...messages.flatMap(({ role, content }) => [
      ...marked(before(role === 'assistant' ? assistant : role)),
      ...model.tokenize(content, false),
      ...marked(after),
    ]),
    ...marked(before(assistant)),
  ]
  return { tokens, stops }
}
