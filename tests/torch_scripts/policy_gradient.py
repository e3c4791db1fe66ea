"""REINFORCE and a soft update of a target network, on a task of one number."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(3, 8)
        self.dropout = nn.Dropout(p=0.0)
        self.affine2 = nn.Linear(8, 2)
        self.saved_log_probs, self.rewards = [], []

    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return F.softmax(self.affine2(x), dim=1)


def models():
    return {"policy": Policy(), "value": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))}


def select_action(policy, state, u):
    state = torch.from_numpy(state).float().unsqueeze(0)
    probs = policy(state)
    action = (probs.cumsum(1).squeeze(0) < u).sum().clamp(max=1)
    policy.saved_log_probs.append(probs.log().gather(1, action.view(1, 1)).squeeze(1))
    return action.item()


def finish_episode(policy, optimizer):
    R, policy_loss, returns = 0, [], []
    for r in policy.rewards[::-1]:
        R = r + 0.9 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    policy_loss = torch.cat(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    return policy_loss.item()


def q_learning(net, rng):
    target = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    target.load_state_dict(net.state_dict())
    optimizer, losses = optim.AdamW(net.parameters(), lr=1e-2, amsgrad=True), []
    for _ in range(3):
        state, new = (torch.tensor(rng.normal(size=(5, 3)), dtype=torch.float32) for _ in range(2))
        action = torch.tensor(rng.integers(0, 2, (5, 1)), dtype=torch.long)
        mask = torch.tensor(rng.random(5) < 0.7, dtype=torch.bool)
        values = net(state).gather(1, action)
        next_values = torch.zeros(5)
        with torch.no_grad():
            next_values[mask] = target(new[mask]).max(1).values
        loss = nn.SmoothL1Loss()(values, (next_values * 0.9 + 1.0).unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(net.parameters(), 100)
        optimizer.step()
        mixed = target.state_dict()
        for key, value in net.state_dict().items():
            mixed[key] = value * 0.1 + mixed[key] * 0.9
        target.load_state_dict(mixed)
        for p in net.parameters():
            p.data.add_(p.grad, alpha=-1e-3)
        losses.append(loss.item())
    return losses


def train(models, rng):
    policy, losses = models["policy"], []
    optimizer = optim.Adam(policy.parameters(), lr=1e-2)
    for _ in range(3):
        for _ in range(5):
            action = select_action(policy, rng.normal(size=3), rng.random())
            policy.rewards.append(1.0 if action else 0.2)
        losses.append(finish_episode(policy, optimizer))
    return losses + q_learning(models["value"], rng)
