"""Neural style transfer: features of layers kept while ReLUs write in place, an image trained."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Features(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, 2),
            nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(inplace=True),
        )

    def forward(self, x):
        kept = []
        for name, layer in self.layers._modules.items():
            x = layer(x)
            if name in ("0", "2", "5"):
                kept.append(x)
        return kept


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def models():
    net = Features()
    for param in net.parameters():
        param.requires_grad_(False)
    return {"net": net.eval()}


def train(models, rng):
    net, losses = models["net"], []
    content, style = (torch.tensor(rng.uniform(size=(1, 3, 8, 8)), dtype=torch.float)
                      for _ in range(2))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(-1, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
    wanted = net((content - mean) / std)[1].detach()
    grams = [gram_matrix(f).detach() for f in net((style - mean) / std)]
    input_img = content.clone().requires_grad_(True)
    optimizer = optim.Adam([input_img], lr=0.05)
    for _ in range(4):
        with torch.no_grad():
            input_img.clamp_(0, 1)
        optimizer.zero_grad()
        features = net((input_img - mean) / std)
        style_score = sum(F.mse_loss(gram_matrix(f), g) for f, g in zip(features, grams))
        content_score = F.mse_loss(features[1], wanted)
        loss = 100 * style_score + content_score
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        input_img.clamp_(0, 1)
    losses.append(input_img.detach().squeeze(0).permute(1, 2, 0).numpy().mean().item())
    return losses
