"""A variational autoencoder: the sampling trick, a sum of two losses, pictures out of noise."""

import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(30, 12)
        self.fc21, self.fc22 = nn.Linear(12, 3), nn.Linear(12, 3)
        self.fc3, self.fc4 = nn.Linear(3, 12), nn.Linear(12, 30)
        self.noise = None

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.as_tensor(self.noise(std.shape), dtype=std.dtype)
        return eps.mul(std).add_(mu)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 30))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 30), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def models():
    return {"net": VAE()}


def train(models, rng):
    model, losses = models["net"], []
    model.noise = lambda shape: rng.normal(size=tuple(shape))
    data = torch.utils.data.TensorDataset(torch.rand(8, 5, 6).zero_() + torch.tensor(
        rng.uniform(size=(8, 5, 6)), dtype=torch.float32))
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(2):
        train_loss = 0
        for (x,) in loader:
            optimizer.zero_grad()
            recon_batch, mu, logvar = model(x)
            loss = loss_function(recon_batch, x, mu, logvar)
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
            losses.append(loss.item() / len(x))
        losses.append(train_loss / len(loader.dataset))
    with torch.no_grad():
        sample = model.decode(torch.tensor(rng.normal(size=(4, 3))).float()).cpu()
        losses.append(sample.view(4, 1, 5, 6).std().item())
    return losses
