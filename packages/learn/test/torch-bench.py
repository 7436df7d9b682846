# The same training in PyTorch at one thread: same rows, same first weights, same batches. Prints one line of JSON.
import json, math, sys, time
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
folder, = sys.argv[1:]
job = json.load(open(f'{folder}/job.json'))


def read(name, dtype, shape):
    data = bytearray(open(f'{folder}/{name}', 'rb').read())
    return torch.frombuffer(data, dtype=dtype).reshape(shape)


x = read('x', torch.int64 if job['kind'] == 'gpt' else torch.float32, job['x'])
y = read('y', torch.int64, job['y'])
order = read('order', torch.int32, [job['epochs'], -1]).long()
p = {}
for name, shape in job['parameters']:
    p[name] = read(f'parameter.{name}', torch.float32, shape).clone().requires_grad_()
layers = job['layers']


def forward(b):
    if job['kind'] == 'logistic':
        return F.linear(b, p['weights0'].t(), p['bias0'])
    if job['kind'] == 'mlp':
        return torch.addmm(p['bias1'], torch.relu(torch.addmm(p['bias0'], b, p['weights0'])), p['weights1'])
    if job['kind'] == 'cnn':
        h = b.view(-1, 1, 28, 28)
        for i in (0, 2):
            h = F.max_pool2d(torch.relu(F.conv2d(h, p[f'weights{i}'], p[f'bias{i}'])), 2)
        return torch.addmm(p['bias'], h.flatten(1), p['weights'])
    n, s = b.shape
    d, heads = job['width'], job['heads']
    mask = torch.full((s, s), -1e9).triu(1)
    h = F.embedding(b, p['token_embd.weight']) + p['position_embd.weight']
    norm = lambda v, name: F.layer_norm(v, (d,), p[name + '.weight'], p[name + '.bias'])
    lin = lambda v, name: F.linear(v, p[name + '.weight'].t(), p[name + '.bias'])
    for i in range(layers):
        k = f'blk.{i}.'
        q, kk, v = (t.view(n, s, heads, d // heads).transpose(1, 2) for t in lin(norm(h, k + 'attn_norm'), k + 'attn_qkv').split(d, 2))
        a = torch.softmax(q @ kk.transpose(2, 3) / math.sqrt(d // heads) + mask, -1)
        h = h + lin((a @ v).transpose(1, 2).reshape(n, s, d), k + 'attn_output')
        h = h + lin(F.gelu(lin(norm(h, k + 'ffn_norm'), k + 'ffn_up'), approximate='tanh'), k + 'ffn_down')
    return F.linear(norm(h, 'output_norm'), p['token_embd.weight']).view(n * s, -1)


values = list(p.values())
optimizer = torch.optim.Adam(values, lr=job['rate']) if job['optimizer'] == 'adam' else torch.optim.SGD(values, lr=job['rate'])
best, losses = math.inf, []
for epoch in order:
    start, total, steps = time.perf_counter(), 0.0, 0
    for rows in epoch.split(job['batch']):
        loss = F.cross_entropy(forward(x[rows]), y[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        steps += 1
    best = min(best, (time.perf_counter() - start) / steps)
    losses.append(total / steps)
print(json.dumps({'secondsPerStep': best, 'losses': losses, 'version': torch.__version__}))
